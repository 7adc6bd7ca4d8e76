"""One command is one trace, from its delivery to the end of its operation; seen from outside."""

import json
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, StatusCode

from tests.support.data.awaiting import NUMBER, SITE, awaiting, pending_event
from tests.support.platform import Platform
from tests.support.workers import store, working
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.telemetry.tracing import Tracing

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
COMMANDS = "process telephony.phone_number.commands"
RESULTS = "process telephony.pbx.results"
EVENTS = "send telephony.events"

Spans = Sequence[ReadableSpan]


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider.get_tracer("test"))


def context_of(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


def in_trace(spans: Spans, trace_id: str) -> list[ReadableSpan]:
    return [span for span in spans if f"{context_of(span).trace_id:032x}" == trace_id]


def named(spans: Spans, name: str) -> ReadableSpan:
    (found,) = (span for span in spans if span.name == name)
    return found


def attributes_of(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def trace_id_in(event: dict[str, str]) -> str:
    return event["traceparent"].split("-")[1]


async def activated(
    platform: Platform, database: Database, settings: Settings, tracing: Tracing, **changes: str
) -> str:
    """Activates a number whose PBX answers, and returns the command's id."""
    await store(database, *SITE)
    async with working(database, awaiting(settings, "activation"), tracing):
        command = await platform.send("activate", NUMBER, **changes)
        pending = await pending_event(platform)
        await platform.answer(pending["id"], "done")
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
    return command


async def test_a_command_is_one_trace_from_its_delivery_to_the_end(
    database: Database,
    settings: Settings,
    platform: Platform,
    exporter: InMemorySpanExporter,
    tracing: Tracing,
) -> None:
    await activated(platform, database, settings, tracing, traceparent=TRACEPARENT)

    spans = in_trace(exporter.get_finished_spans(), TRACE_ID)
    assert sorted(span.name for span in spans) == sorted(
        [COMMANDS, "decide", "commit", EVENTS, "apply result", "activate number", EVENTS]
    )
    assert {trace_id_in(event) for event in platform.events} == {TRACE_ID}


async def test_every_message_of_a_command_leads_back_to_the_span_that_decided_it(
    database: Database,
    settings: Settings,
    platform: Platform,
    exporter: InMemorySpanExporter,
    tracing: Tracing,
) -> None:
    await activated(platform, database, settings, tracing, traceparent=TRACEPARENT)

    spans = in_trace(exporter.get_finished_spans(), TRACE_ID)
    received = named(spans, COMMANDS)
    assert received.parent is not None
    assert f"{received.parent.span_id:016x}" == TRACEPARENT.split("-")[2]
    others = [span for span in spans if span is not received]
    assert {span.parent and span.parent.span_id for span in others} == {
        context_of(received).span_id
    }


async def test_a_command_without_a_trace_begins_one_which_its_messages_name(
    database: Database,
    settings: Settings,
    platform: Platform,
    exporter: InMemorySpanExporter,
    tracing: Tracing,
) -> None:
    await activated(platform, database, settings, tracing)

    (trace_id,) = {trace_id_in(event) for event in platform.events}
    spans = in_trace(exporter.get_finished_spans(), trace_id)
    assert named(spans, COMMANDS).parent is None
    assert attributes_of(named(spans, "activate number"))["activation.outcome"] == "completed"


async def test_a_batch_is_a_trace_of_its_own_with_links_to_its_messages_and_back(
    database: Database,
    settings: Settings,
    platform: Platform,
    exporter: InMemorySpanExporter,
    tracing: Tracing,
) -> None:
    await activated(platform, database, settings, tracing, traceparent=TRACEPARENT)

    spans = exporter.get_finished_spans()
    batch = named(spans, "process batch telephony.phone_number.commands")
    commit = named(in_trace(spans, TRACE_ID), "commit")
    assert batch.parent is None
    assert [link.context for link in batch.links] == [context_of(named(spans, COMMANDS))]
    assert [link.context for link in commit.links] == [context_of(batch)]


async def test_a_result_is_shown_in_the_trace_of_its_operation_though_its_pbx_names_none(
    database: Database,
    settings: Settings,
    platform: Platform,
    exporter: InMemorySpanExporter,
    tracing: Tracing,
) -> None:
    await activated(platform, database, settings, tracing, traceparent=TRACEPARENT)

    spans = exporter.get_finished_spans()
    applied = named(in_trace(spans, TRACE_ID), "apply result")
    assert attributes_of(applied)["activation.outcome"] == "done"
    received = [link.context for link in applied.links]
    assert received == [context_of(named(spans, RESULTS))]


async def test_a_refusal_is_shown_with_its_code(
    database: Database,
    settings: Settings,
    platform: Platform,
    exporter: InMemorySpanExporter,
    tracing: Tracing,
) -> None:
    async with working(database, settings, tracing):
        command = await platform.send("activate", NUMBER, traceparent=TRACEPARENT)
        assert await platform.outcome(command) == ["NUMBER_UNKNOWN"]

    span = named(exporter.get_finished_spans(), COMMANDS)
    shown = attributes_of(span)
    assert (shown["activation.outcome"], shown["activation.code"]) == (
        "rejected",
        "NUMBER_UNKNOWN",
    )
    assert shown["messaging.message.id"] == command
    assert span.status.status_code is StatusCode.UNSET


async def test_no_span_holds_a_phone_number(
    database: Database,
    settings: Settings,
    platform: Platform,
    exporter: InMemorySpanExporter,
    tracing: Tracing,
) -> None:
    await activated(platform, database, settings, tracing, traceparent=TRACEPARENT)

    shown = json.dumps([json.loads(span.to_json()) for span in exporter.get_finished_spans()])
    assert TRACE_ID in shown
    assert NUMBER.removeprefix("+") not in shown


async def test_a_worker_that_does_not_trace_passes_the_trace_of_a_command_on(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await activated(platform, database, settings, Tracing(), traceparent=TRACEPARENT)

    assert [event["traceparent"] for event in platform.events] == [TRACEPARENT, TRACEPARENT]
