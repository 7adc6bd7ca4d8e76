"""One command is one trace, from its delivery to the end of its operation; seen from outside."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Traced:
    """A worker whose spans are kept, with its database and its neighbours."""

    database: Database
    settings: Settings
    platform: Platform
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    @property
    def spans(self) -> Spans:
        """The spans that have ended, of all traces."""
        return self.exporter.get_finished_spans()

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the worker has published to the web tier."""
        return self.platform.events

    def tracing(self) -> Tracing:
        """Tracing that keeps its spans here."""
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        return Tracing(provider.get_tracer("test"))

    async def activate(self, tracing: Tracing | None = None, **changes: str) -> None:
        """Activates a number whose PBX answers."""
        await store(self.database, *SITE)
        settings = awaiting(self.settings, "activation")
        async with working(self.database, settings, tracing or self.tracing()):
            command = await self.platform.send("activate", NUMBER, **changes)
            pending = await pending_event(self.platform)
            await self.platform.answer(pending["id"], "done")
            assert await self.platform.outcome(command) == ["PENDING", "ACTIVE"]


@pytest.fixture
def traced(database: Database, settings: Settings, platform: Platform) -> Traced:
    return Traced(database, settings, platform)


async def test_a_command_is_one_trace_from_its_delivery_to_the_end(traced: Traced) -> None:
    await traced.activate(traceparent=TRACEPARENT)

    spans = in_trace(traced.spans, TRACE_ID)
    assert sorted(span.name for span in spans) == sorted(
        [COMMANDS, "decide", "commit", EVENTS, "apply result", "activate number", EVENTS]
    )
    assert {trace_id_in(event) for event in traced.events} == {TRACE_ID}


async def test_every_message_of_a_command_leads_back_to_the_span_that_decided_it(
    traced: Traced,
) -> None:
    await traced.activate(traceparent=TRACEPARENT)

    spans = in_trace(traced.spans, TRACE_ID)
    received = named(spans, COMMANDS)
    assert received.parent is not None
    assert f"{received.parent.span_id:016x}" == TRACEPARENT.split("-")[2]
    others = [span for span in spans if span is not received]
    assert {span.parent and span.parent.span_id for span in others} == {
        context_of(received).span_id
    }


async def test_a_command_without_a_trace_begins_one_which_its_messages_name(traced: Traced) -> None:
    await traced.activate()

    (trace_id,) = {trace_id_in(event) for event in traced.events}
    spans = in_trace(traced.spans, trace_id)
    assert named(spans, COMMANDS).parent is None
    assert attributes_of(named(spans, "activate number"))["activation.outcome"] == "completed"


async def test_a_batch_is_a_trace_of_its_own_with_links_to_its_messages_and_back(
    traced: Traced,
) -> None:
    await traced.activate(traceparent=TRACEPARENT)

    spans = traced.spans
    batch = named(spans, "process batch telephony.phone_number.commands")
    commit = named(in_trace(spans, TRACE_ID), "commit")
    assert batch.parent is None
    assert [link.context for link in batch.links] == [context_of(named(spans, COMMANDS))]
    assert [link.context for link in commit.links] == [context_of(batch)]


async def test_a_result_is_shown_in_the_trace_of_its_operation_though_its_pbx_names_none(
    traced: Traced,
) -> None:
    await traced.activate(traceparent=TRACEPARENT)

    spans = traced.spans
    applied = named(in_trace(spans, TRACE_ID), "apply result")
    assert attributes_of(applied)["activation.outcome"] == "done"
    received = [link.context for link in applied.links]
    assert received == [context_of(named(spans, RESULTS))]


async def test_a_refusal_is_shown_with_its_code(traced: Traced) -> None:
    async with working(traced.database, traced.settings, traced.tracing()):
        command = await traced.platform.send("activate", NUMBER, traceparent=TRACEPARENT)
        assert await traced.platform.outcome(command) == ["NUMBER_UNKNOWN"]

    span = named(traced.spans, COMMANDS)
    shown = attributes_of(span)
    assert (shown["activation.outcome"], shown["activation.code"]) == (
        "rejected",
        "NUMBER_UNKNOWN",
    )
    assert shown["messaging.message.id"] == command
    assert span.status.status_code is StatusCode.UNSET


async def test_no_span_holds_a_phone_number(traced: Traced) -> None:
    await traced.activate(traceparent=TRACEPARENT)

    shown = json.dumps([json.loads(span.to_json()) for span in traced.spans])
    assert TRACE_ID in shown
    assert NUMBER.removeprefix("+") not in shown


async def test_a_worker_that_does_not_trace_passes_the_trace_of_a_command_on(
    traced: Traced,
) -> None:
    await traced.activate(Tracing(), traceparent=TRACEPARENT)

    assert [event["traceparent"] for event in traced.events] == [TRACEPARENT, TRACEPARENT]
