"""Spans of batches that fail, and the ids of traces in the log."""

import pytest
from activation_contracts.messages import Activate
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span, StatusCode

from tests.support.data.builders import activate
from worker.telemetry.tracing import QueueTracing, Tracing, trace_id_of

QUEUE = "commands"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> QueueTracing:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider.get_tracer("test")).of_queue(QUEUE)


def received(tracing: QueueTracing, message: Activate) -> Span:
    return tracing.receive(message)[1]


def ended(exporter: InMemorySpanExporter) -> dict[str, StatusCode]:
    return {span.name: span.status.status_code for span in exporter.get_finished_spans()}


def test_messages_of_a_failed_batch_are_traced_until_they_are_handled(
    tracing: QueueTracing, exporter: InMemorySpanExporter
) -> None:
    spans = [received(tracing, activate()) for _ in range(2)]

    tracing.batch(spans).failed(ValueError("one of them"), is_final=False)
    assert ended(exporter) == {"process batch commands": StatusCode.ERROR}

    tracing.batch(spans).committed()
    assert ended(exporter)["process commands"] is StatusCode.UNSET


def test_a_message_that_can_never_be_stored_ends_its_trace_with_an_error(
    tracing: QueueTracing, exporter: InMemorySpanExporter
) -> None:
    tracing.batch([received(tracing, activate())]).failed(ValueError("secret"), is_final=True)

    assert ended(exporter)["process commands"] is StatusCode.ERROR
    assert {span.status.description for span in exporter.get_finished_spans()} == {"ValueError"}


def test_a_message_names_its_span_so_that_what_follows_belongs_to_it(
    tracing: QueueTracing,
) -> None:
    message, span = tracing.receive(activate().model_copy(update={"traceparent": TRACEPARENT}))

    context = span.get_span_context()
    assert message.traceparent == f"00-{TRACE_ID}-{context.span_id:016x}-01"


@pytest.mark.parametrize("wrong", ["", "nonsense", f"00-{'0' * 32}-00f067aa0ba902b7-01"])
def test_a_message_with_a_wrong_trace_begins_a_new_one(tracing: QueueTracing, wrong: str) -> None:
    message, _ = tracing.receive(activate().model_copy(update={"traceparent": wrong}))

    assert trace_id_of(message.traceparent)["trace_id"] not in {"", "0" * 32}


@pytest.mark.parametrize(
    ("traceparent", "shown"),
    [
        (TRACEPARENT, {"trace_id": TRACE_ID}),
        (None, {}),
        ("", {}),
        ("nonsense", {}),
        (f"00-{TRACE_ID}", {}),
        (f"00-{TRACE_ID.upper()}-00f067aa0ba902b7-01", {}),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", {}),
    ],
)
def test_the_log_names_the_trace_of_a_valid_traceparent(
    traceparent: str | None, shown: dict[str, str]
) -> None:
    assert trace_id_of(traceparent) == shown
