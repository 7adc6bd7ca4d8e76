"""Traces by OpenTelemetry: one for each command, from its delivery to the end of its operation.

Spans follow the semantic conventions for messaging. None holds a phone number: the log leads from a
number to its trace, and messages name the trace too.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from time import time_ns
from typing import Final, Protocol, TypeVar

from activation_contracts.envelope import Envelope
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NoOpTracer,
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from worker.core.batch import Advanced
from worker.core.decision import Outcome

__all__ = [
    "BatchTrace",
    "PublishedMessage",
    "QueueTracing",
    "Tracing",
    "set_outcome",
    "trace_id_of",
]

RABBITMQ: Final = {"messaging.system": "rabbitmq"}
NANOSECONDS: Final = 1_000_000_000

_PROPAGATOR: Final = TraceContextTextMapPropagator()
_NO_PARENT: Final = Context()
_TRACEPARENT: Final = re.compile(
    r"[0-9a-f]{2}-(?P<trace_id>(?!0{32})[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}"
)

ENDS: Final = {Outcome.COMPLETED, Outcome.FAILED, Outcome.CLEANED_UP}

Message = TypeVar("Message", bound=Envelope)


class PublishedMessage(Protocol):
    """What a span shows of a message of the outbox."""

    @property
    def message_id(self) -> str:
        """Its id in the envelope."""

    @property
    def message_type(self) -> str:
        """Its type in the envelope."""

    @property
    def correlation_id(self) -> str:
        """The id that all messages of a command share."""

    @property
    def exchange(self) -> str:
        """Where it is published; the default exchange has no name."""

    @property
    def body(self) -> bytes:
        """The envelope, which names the trace."""


class BatchTrace:
    """The transaction that handles a batch: a trace of its own, linked with those of its messages.

    The trace of each message shows when it was decided and committed.
    """

    def __init__(self, tracer: Tracer, queue: str, spans: Sequence[Span]) -> None:
        self._tracer = tracer
        self._spans = [span for span in spans if span.is_recording()]
        self._span: Span = INVALID_SPAN
        if self._spans:
            self._span = tracer.start_span(
                f"process batch {queue}",
                _NO_PARENT,
                SpanKind.CONSUMER,
                {
                    **RABBITMQ,
                    "messaging.operation.type": "process",
                    "messaging.destination.name": queue,
                    "messaging.batch.message_count": len(spans),
                },
                [Link(span.get_span_context()) for span in self._spans],
            )
        self._began = self._decided = time_ns()

    def begins(self) -> None:
        """An attempt of the transaction begins: it loads, decides and writes."""
        self._began = time_ns()

    def decided(self) -> None:
        """Everything is decided and written; the commit follows."""
        self._decided = time_ns()

    def committed(self) -> None:
        """Ends the spans of the messages."""
        now = time_ns()
        for span in self._spans:
            self._part(span, "decide", self._began, self._decided)
            self._part(span, "commit", self._decided, now)
            span.end(now)
        self._span.end(now)

    def failed(self, error: Exception, *, is_final: bool) -> None:
        """The transaction failed. Unless that is final, its messages are handled again."""
        status = Status(StatusCode.ERROR, type(error).__name__)
        for span in (self._span, *(self._spans if is_final else ())):
            span.set_status(status)
            span.end()

    def _part(self, span: Span, name: str, start: int, end: int) -> None:
        batch = Link(self._span.get_span_context())
        parent = set_span_in_context(span, _NO_PARENT)
        self._tracer.start_span(name, parent, links=[batch], start_time=start).end(end)


class QueueTracing:
    """Traces what is received from one queue."""

    def __init__(self, tracer: Tracer, queue: str, *, is_on: bool) -> None:
        self._tracer = tracer
        self._queue = queue
        self.is_on: Final = is_on

    def receive(self, message: Message) -> tuple[Message, Span]:
        """Starts the span of a message, and names it in the message: what follows belongs to it."""
        span = self._tracer.start_span(
            f"process {self._queue}",
            _context(message.traceparent, message.tracestate),
            SpanKind.CONSUMER,
            {
                **RABBITMQ,
                "messaging.operation.type": "process",
                "messaging.destination.name": self._queue,
                "messaging.message.id": message.id,
                "messaging.message.conversation_id": message.correlationid or message.id,
                "cloudevents.event_source": message.source,
                "cloudevents.event_type": message.type,
            },
        )
        names: dict[str, str] = {}
        _PROPAGATOR.inject(names, set_span_in_context(span, _NO_PARENT))
        return message.model_copy(update=names), span

    def batch(self, spans: Sequence[Span]) -> BatchTrace:
        """Starts to trace the transaction that handles the messages with these spans."""
        return BatchTrace(self._tracer, self._queue, spans)


class Tracing:
    """Starts and ends spans. Without a tracer it does nothing, and messages keep their traces."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer or NoOpTracer()
        self._is_on = tracer is not None

    def of_queue(self, queue: str) -> QueueTracing:
        """Traces what is received from this queue."""
        return QueueTracing(self._tracer, queue, is_on=self._is_on)

    def result_applied(self, span: Span, traceparent: str | None, effect: str) -> None:
        """Shows a PBX result, received with this span, in the trace of its operation too.

        A PBX need not name that trace.
        """
        if span.is_recording():
            received = Link(span.get_span_context())
            applied = self._tracer.start_span(
                "apply result", _context(traceparent), links=[received]
            )
            set_outcome(applied, effect)
            applied.end()

    def published(self, message: PublishedMessage, problem: Exception | None, started: int) -> None:
        """A message was published since then (`time.time_ns`); `problem` is why it was not."""
        if not self._is_on:
            return
        envelope = json.loads(message.body)
        span = self._tracer.start_span(
            f"send {message.exchange or 'reply'}",
            _context(envelope.get("traceparent"), envelope.get("tracestate")),
            SpanKind.PRODUCER,
            {
                **RABBITMQ,
                "messaging.operation.type": "send",
                "messaging.destination.name": message.exchange,
                "messaging.message.id": message.message_id,
                "messaging.message.conversation_id": message.correlation_id,
                "cloudevents.event_type": message.message_type,
            },
            start_time=started,
        )
        if problem is not None:
            span.set_status(Status(StatusCode.ERROR, type(problem).__name__))
        span.end()

    def advanced(self, item: Advanced, at: datetime) -> None:
        """An operation was advanced at that time. If it ended, shows it from PENDING to the end.

        Likewise its aftermath, from the end of the operation to its own.
        """
        operation, decision = item.before.ongoing, item.decision
        if not self._is_on or operation is None or decision.outcome not in ENDS:
            return
        span = self._tracer.start_span(
            f"{operation.operation} number{' (aftermath)' if operation.aftermath else ''}",
            _context(operation.traceparent, operation.tracestate),
            start_time=_nanoseconds(operation.since),
        )
        failure = decision.failure.code if decision.failure else None
        set_outcome(span, decision.outcome, failure)
        if failure is not None:
            span.set_status(Status(StatusCode.ERROR, failure))
        span.end(_nanoseconds(at))


def set_outcome(span: Span, outcome: str, code: str | None = None) -> None:
    """Shows on a message's span what came of it, and the code of a refusal or failure."""
    if span.is_recording():
        attributes = {"activation.outcome": outcome} | ({"activation.code": code} if code else {})
        span.set_attributes(attributes)


def trace_id_of(traceparent: str | None) -> Mapping[str, str]:
    """The field of a log record that names the trace; none without a valid `traceparent`."""
    found = _TRACEPARENT.match(traceparent) if traceparent else None
    return {"trace_id": found["trace_id"]} if found else {}


def _context(traceparent: str | None, tracestate: str | None = None) -> Context:
    """The context that these name; an empty one, in which a new trace begins, if they are wrong."""
    names = {"traceparent": traceparent or "", "tracestate": tracestate or ""}
    return _PROPAGATOR.extract(names, _NO_PARENT)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * NANOSECONDS)
