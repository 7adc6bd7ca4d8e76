"""The metrics: counted on the path, measured from the database when somebody looks.

`describe()` lists them all. No series names a phone number, an account or a site: what can grow
without end would cost the one who stores it more than the worker itself.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Literal, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import Metric

from contracts.catalogue import CATALOGUE
from contracts.messages import Command
from contracts.reading import ReadErrorCode
from contracts.refusals import RefusalCode
from contracts.values import Operation
from worker.core.decision import Decision, Outcome
from worker.core.situation import Number
from worker.core.speech import operation_of
from worker.shell.database.measuring import Measurements
from worker.shell.measured import PREFIX, MeasuredGauges, families_of

__all__ = ["MetricDescription", "Metrics", "describe"]

COMMIT_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STORY_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)
BATCH_COMMANDS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

Server = Literal["broker", "database"]

_OUTCOMES: Final = {
    Outcome.PENDING: "accepted",
    Outcome.REJECTED: "rejected",
    Outcome.DUPLICATE: "duplicate",
}


class MetricDescription(NamedTuple):
    """One metric, for the documentation and for whoever writes an alert."""

    name: str
    kind: str
    """`counter`, `gauge` or `histogram`."""
    labels: tuple[str, ...]
    meaning: str


class Metrics:
    """Counts what happens. Every method is cheap, and none of them can fail or wait.

    `measure` is one look at the database, None where it cannot be had: its gauges are then absent
    and `activation_worker_measured` is 0, so that an old value never passes for a new one.
    """

    def __init__(self, measure: Callable[[], Awaitable[Measurements | None]] | None = None) -> None:
        self.registry = CollectorRegistry()
        self._measured = MeasuredGauges(measure)
        self._register_decisions()
        self._register_messages()
        self._register_state()
        self.registry.register(self._measured)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._show_zeros()

    def command_decided(self, command: Command, decision: Decision, now: datetime) -> None:
        """A command was decided, and that is stored."""
        operation = operation_of(command).value
        outcome = _OUTCOMES.get(decision.outcome, decision.outcome.value)
        self._commands.labels(operation, outcome).inc()
        if decision.refusal is not None:
            self._refusals.labels(operation, decision.refusal.value).inc()
        if decision.outcome is not Outcome.DUPLICATE and command.time is not None:
            waited = (now - command.time).total_seconds()
            self._decision_seconds.labels(operation).observe(max(0.0, waited))

    def command_completed(self, before: Number, now: datetime) -> None:
        """The operation of the number, as it was before, has ended, and that is stored."""
        if before.pending is not None:
            lasted = (now - before.pending.since).total_seconds()
            operation = before.pending.operation.value
            self._operation_seconds.labels(operation).observe(max(0.0, lasted))

    def batch_committed(self, commands: int, seconds: float) -> None:
        """A transaction with this many decisions was stored, and took this long."""
        self._batch_commands.observe(commands)
        self._commit_seconds.observe(seconds)
        self._last_commit.set_to_current_time()

    def message_unreadable(self, code: str) -> None:
        """A message was no command that can be read or stored; the code is a stable word."""
        self._unreadable.labels(code).inc()

    def message_published(self, message_type: str) -> None:
        """The broker confirmed a message."""
        self._published.labels(message_type).inc()

    def message_returned(self, message_type: str) -> None:
        """The broker did not take a message, or no queue did: it is kept."""
        self._returned.labels(message_type).inc()

    def event_without_subscriber(self, message_type: str) -> None:
        """An event was said, and nobody had subscribed to it."""
        self._unheard.labels(message_type).inc()

    def reconnected(self, server: Server) -> None:
        """A server that had been lost is back."""
        self._reconnects.labels(server).inc()

    def leads(self, *, leads: bool) -> None:
        """Whether this worker serves the commands, or stands by."""
        self._leader.set(leads)

    async def render(self) -> bytes:
        """All of it in the Prometheus text format, at most some seconds old."""
        await self._measured.look()
        return generate_latest(self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", meaning, labels, registry=self.registry)

    def _histogram(
        self, name: str, meaning: str, *labels: str, buckets: tuple[float, ...]
    ) -> Histogram:
        return Histogram(
            f"{PREFIX}_{name}", meaning, labels, buckets=buckets, registry=self.registry
        )

    def _register_decisions(self) -> None:
        self._commands = self._counter(
            "commands_total",
            "Commands decided: accepted, rejected, or a duplicate of an earlier one.",
            "operation",
            "outcome",
        )
        self._refusals = self._counter(
            "command_refusals_total", "Commands refused, and why.", "operation", "code"
        )
        self._decision_seconds = self._histogram(
            "decision_delay_seconds",
            "From the time that a command names to its stored decision.",
            "operation",
            buckets=STORY_SECONDS,
        )
        self._operation_seconds = self._histogram(
            "operation_duration_seconds",
            "From PENDING to the end of the operation.",
            "operation",
            buckets=STORY_SECONDS,
        )
        self._batch_commands = self._histogram(
            "batch_commands", "Commands decided in one transaction.", buckets=BATCH_COMMANDS
        )
        self._commit_seconds = self._histogram(
            "commit_duration_seconds",
            "What one transaction of decisions took, with its retries.",
            buckets=COMMIT_SECONDS,
        )

    def _register_messages(self) -> None:
        self._unreadable = self._counter(
            "unreadable_messages_total",
            "Messages put into the dead-letter queue, and why. Any rise wants a look.",
            "code",
        )
        self._published = self._counter(
            "published_messages_total", "Messages that the broker confirmed.", "type"
        )
        self._returned = self._counter(
            "returned_messages_total",
            "Times that the broker or its queues did not take a message; it is tried again.",
            "type",
        )
        self._unheard = self._counter(
            "events_without_subscriber_total", "Events that no queue was bound for.", "type"
        )

    def _register_state(self) -> None:
        self._reconnects = self._counter(
            "reconnects_total", "Times that a lost server came back.", "server"
        )
        self._leader = Gauge(
            f"{PREFIX}_leader",
            "1 where this worker serves the commands, 0 where it stands by.",
            registry=self.registry,
        )
        self._last_commit = Gauge(
            f"{PREFIX}_last_commit_timestamp_seconds",
            "When decisions were last stored, in seconds since 1970; 0 before the first.",
            registry=self.registry,
        )

    def _show_zeros(self) -> None:
        # A series that first appears at 1 shows no rise, and an alert on it misses the first.
        for operation in Operation:
            for outcome in _OUTCOMES.values():
                self._commands.labels(operation.value, outcome)
            for refusal in RefusalCode:
                self._refusals.labels(operation.value, refusal.value)
            self._decision_seconds.labels(operation.value)
            self._operation_seconds.labels(operation.value)
        for code in ReadErrorCode:
            self._unreadable.labels(code.value)
        for definition in CATALOGUE:
            if definition.direction == "published":
                counter = self._returned if definition.must_be_routed else self._unheard
                counter.labels(definition.type)
                self._published.labels(definition.type)
        for server in ("broker", "database"):
            self._reconnects.labels(server)


def describe() -> tuple[MetricDescription, ...]:
    """All metrics of the worker's own, in the order in which they are shown."""
    described = Metrics()
    families = [*described.registry.collect(), *families_of(_NOTHING)]
    return tuple(_described(family) for family in families if family.name.startswith(PREFIX))


def _described(family: Metric) -> MetricDescription:
    labels = {name for sample in family.samples for name in sample.labels} - {"le"}
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return MetricDescription(name, family.type, tuple(sorted(labels)), family.documentation)


_NOTHING: Final = Measurements(0, 0, 0, 0, 0, 0, 0, 0)
