"""What the relay's publisher says of a message agrees with its trace."""

from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from worker.broker.connecting.connection import connect
from worker.broker.publishing.publisher import Publisher
from worker.relay.key_ordered_publisher import KeyOrderedPublisher, PublishResult
from worker.storage.outbox.messages import OutgoingMessage
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter
from worker.telemetry.tracing import Tracing

pytestmark = pytest.mark.publishes_anything  # the publisher does not look into messages


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider.get_tracer("test"))


def unroutable(*, must_be_routed: bool) -> OutgoingMessage:
    """A message for whose routing key no queue is bound."""
    now = datetime.now(UTC)
    return OutgoingMessage(
        position=1,
        subject="+442079460000",
        message_id="message-1",
        message_type="telephony.phone_number.status_changed.v1",
        exchange="telephony.events",
        routing_key="phone_number.status.active",
        correlation_id="story",
        must_be_routed=must_be_routed,
        holds_operation=False,
        awaited=False,
        ordered=True,
        body=b"{}",
        decided_at=now,
        queued_at=now,
        attempts=0,
        lane=0,
        deferred=False,
    )


def ignore(_: str) -> None:
    """Ignores that an exchange is missing."""


async def published(amqp_url: str, tracing: Tracing, message: OutgoingMessage) -> PublishResult:
    async with await connect([amqp_url]) as connection:
        publisher = Publisher(connection, 10, published_alone=set())
        reporter = Reporter(Metrics(), tracing)
        return await KeyOrderedPublisher(publisher, reporter, ignore).publish([message])


async def test_an_event_without_subscribers_counts_as_published_in_its_trace_too(
    amqp_url: str, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    event = unroutable(must_be_routed=False)

    result = await published(amqp_url, tracing, event)

    (span,) = exporter.get_finished_spans()
    assert (result.confirmed, result.undelivered) == ([event], [])
    assert span.status.status_code is StatusCode.UNSET


async def test_a_message_that_must_be_routed_and_is_not_is_an_error_in_its_trace(
    amqp_url: str, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    result = await published(amqp_url, tracing, unroutable(must_be_routed=True))

    (span,) = exporter.get_finished_spans()
    assert (len(result.confirmed), len(result.undelivered)) == (0, 1)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "Unroutable")
