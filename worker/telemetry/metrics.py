"""The metrics: counted on the path, measured from the database when somebody looks.

`describe()` lists them all. No series names a phone number, an account or a site: what can grow
without end would cost the one who stores it more than the worker itself.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import cache
from itertools import product
from typing import Final, NamedTuple

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
from contracts.values import FailureCode, Operation, StepResult
from worker.core.batch import Advanced
from worker.core.decision import Decision, Outcome
from worker.core.message_factory import operation_of
from worker.core.results import Verdict
from worker.storage.gauges import DatabaseFigures
from worker.telemetry.database_gauges import PREFIX, DatabaseGauges, families_of

__all__ = ["UNKNOWN", "MetricDescription", "Metrics", "describe"]

COMMIT_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STORY_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)
BATCH_MESSAGES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


UNKNOWN: Final = "unknown"
"""The effect of a result for which nobody waited."""

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

    def __init__(
        self, measure: Callable[[], Awaitable[DatabaseFigures | None]] | None = None
    ) -> None:
        self.registry = CollectorRegistry()
        self._measured = DatabaseGauges(measure)
        self._register_decisions()
        self._register_messages()
        self._register_state()
        self.registry.register(self._measured)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._show_zeros()
        # What counts each command: finding a series takes longer than counting in it.
        self._commands_of = cache(self._commands.labels)
        self._decision_seconds_of = cache(self._decision_seconds.labels)
        self._operation_seconds_of = cache(self._operation_seconds.labels)
        self._published_of = cache(self._published.labels)

    def command_decided(self, command: Command, decision: Decision, now: datetime) -> None:
        """A command was decided, and that is stored."""
        operation = operation_of(command).value
        outcome = _OUTCOMES.get(decision.outcome, decision.outcome.value)
        self._commands_of(operation, outcome).inc()
        if decision.refusal is not None:
            self._refusals.labels(operation, decision.refusal.value).inc()
        if decision.outcome is not Outcome.DUPLICATE and command.time is not None:
            waited = (now - command.time).total_seconds()
            self._decision_seconds_of(operation).observe(max(0.0, waited))

    def operation_concluded(self, item: Advanced, now: datetime) -> None:
        """Something followed of an operation, and that is stored."""
        ongoing, outcome = item.before.ongoing, item.decision.outcome
        if ongoing is None:
            return
        operation = ongoing.operation.value
        if outcome in {Outcome.COMPLETED, Outcome.FAILED}:
            lasted = (now - ongoing.since).total_seconds()
            self._operation_seconds_of(operation, outcome.value).observe(max(0.0, lasted))
        if item.decision.failure is not None:
            self._failures.labels(operation, item.decision.failure.code.value).inc()
        elif outcome is Outcome.NOTIFIED:
            self._delays.labels(operation).inc()

    def result_received(self, result: StepResult, effect: str) -> None:
        """A PBX result was counted, or did nothing."""
        self._results.labels(result.value, effect).inc()

    def batch_committed(self, messages: int, seconds: float) -> None:
        """A transaction for this many messages was stored, and took this long."""
        self._batch_messages.observe(messages)
        self._commit_seconds.observe(seconds)
        self._last_commit.set_to_current_time()

    def message_unreadable(self, code: str) -> None:
        """A message was no command that can be read or stored; the code is a stable word."""
        self._unreadable.labels(code).inc()

    def message_published(self, message_type: str) -> None:
        """The broker confirmed a message."""
        self._published_of(message_type).inc()

    def message_returned(self, message_type: str) -> None:
        """The broker did not take a message, or no queue did: it is kept."""
        self._returned.labels(message_type).inc()

    def event_without_subscriber(self, message_type: str) -> None:
        """An event was said, and nobody had subscribed to it."""
        self._unheard.labels(message_type).inc()

    def reconnected(self) -> None:
        """A server that had been lost is back."""
        self._reconnects.inc()

    def serves(self, partitions: int) -> None:
        """How many partitions this worker serves, the router included; none where it stands by."""
        self._leader.set(partitions > 0)
        self._partitions_owned.set(partitions)

    def routed(self, partition: int, messages: int) -> None:
        """The queue of a partition has taken this many commands."""
        self._routed.labels(str(partition)).inc(messages)

    def blocked(self, *, blocked: bool) -> None:
        """Whether the broker takes nothing from publishers."""
        self._blocked.set(blocked)

    def paused(self, *, paused: bool) -> None:
        """Whether nothing is taken in, because what was decided cannot be said."""
        # Each partition has an intake of its own, and each that pauses goes on.
        self._pauses += 1 if paused else -1
        self._paused.set(self._pauses > 0)

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
            "outcome",
            buckets=STORY_SECONDS,
        )
        self._delays = self._counter(
            "operation_delays_total", "Operations said to be late.", "operation"
        )
        self._failures = self._counter(
            "operation_failures_total",
            "Operations that failed or need a person, and why.",
            "operation",
            "code",
        )
        self._results = self._counter(
            "pbx_results_total",
            "Results that PBX systems sent, and what they did; unknown: nobody waited for it.",
            "result",
            "effect",
        )
        self._batch_messages = self._histogram(
            "batch_messages",
            "Commands or PBX results handled in one transaction.",
            buckets=BATCH_MESSAGES,
        )
        self._commit_seconds = self._histogram(
            "commit_duration_seconds",
            "What one such transaction took, with its retries.",
            buckets=COMMIT_SECONDS,
        )

    def _register_messages(self) -> None:
        self._unreadable = self._counter(
            "unreadable_messages_total",
            "Messages put into the dead-letter queue, and why. Any rise wants a look.",
            "code",
        )
        self._routed = self._counter(
            "routed_messages_total", "Commands routed to the queue of a partition.", "partition"
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
            "broker_reconnects_total", "Times that a lost connection to the broker was made again."
        )
        self._leader = Gauge(
            f"{PREFIX}_leader",
            "1 where this worker serves the commands, 0 where it stands by.",
            registry=self.registry,
        )
        self._partitions_owned = Gauge(
            f"{PREFIX}_partitions_owned",
            "Partitions that this worker serves; the router counts as one.",
            registry=self.registry,
        )
        self._pauses = 0
        self._blocked = Gauge(
            f"{PREFIX}_broker_blocked",
            "1 while RabbitMQ, short of memory or disk, takes nothing from this publisher.",
            registry=self.registry,
        )
        self._paused = Gauge(
            f"{PREFIX}_intake_paused",
            "1 while nothing is taken in, because what was decided cannot be said.",
            registry=self.registry,
        )
        self._last_commit = Gauge(
            f"{PREFIX}_last_commit_timestamp_seconds",
            "When decisions were last stored, in seconds since 1970; 0 before the first.",
            registry=self.registry,
        )

    def _show_zeros(self) -> None:
        # A series that first appears at 1 shows no rise, and an alert on it misses the first.
        every: tuple[tuple[Counter | Histogram, tuple[Iterable[str], ...]], ...] = (
            (self._commands, (Operation, _OUTCOMES.values())),
            (self._refusals, (Operation, RefusalCode)),
            (self._decision_seconds, (Operation,)),
            (self._operation_seconds, (Operation, (Outcome.COMPLETED, Outcome.FAILED))),
            (self._delays, (Operation,)),
            (self._failures, (Operation, FailureCode)),
            (self._results, (StepResult, (*Verdict, UNKNOWN))),
            (self._unreadable, (ReadErrorCode,)),
        )
        for metric, labels in every:
            for values in product(*labels):
                metric.labels(*map(str, values))
        for definition in CATALOGUE:
            if definition.direction == "published":
                counter = self._returned if definition.must_be_routed else self._unheard
                counter.labels(definition.type)
                self._published.labels(definition.type)


def describe() -> tuple[MetricDescription, ...]:
    """All metrics of the worker's own, in the order in which they are shown."""
    described = Metrics()
    families = [*described.registry.collect(), *families_of(_NOTHING)]
    return tuple(_described(family) for family in families if family.name.startswith(PREFIX))


def _described(family: Metric) -> MetricDescription:
    labels = {name for sample in family.samples for name in sample.labels} - {"le"}
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return MetricDescription(name, family.type, tuple(sorted(labels)), family.documentation)


_NOTHING: Final = DatabaseFigures(0, 0, 0, 0, 0, 0, 0, 0, 0)
