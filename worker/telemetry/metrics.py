"""The metrics: counted as the worker works, or read from the database when Prometheus scrapes.

`describe()` lists them all. No label holds a phone number, an account or a site: the number of
series must not grow with the data.
"""

from collections.abc import Iterable
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
from worker.core.operation import operation_of
from worker.core.results import Verdict
from worker.telemetry.database_gauges import (
    PREFIX,
    DatabaseFigures,
    DatabaseGauges,
    ReadFigures,
    families_of,
)

__all__ = ["UNKNOWN", "MetricDescription", "Metrics", "describe"]

COMMIT_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STORY_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)
BATCH_MESSAGES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


UNKNOWN: Final = "unknown"
"""The effect of a result that no step awaited."""

_OUTCOMES: Final = {
    Outcome.PENDING: "accepted",
    Outcome.REJECTED: "rejected",
    Outcome.DUPLICATE: "duplicate",
}


class MetricDescription(NamedTuple):
    """One metric, as the documentation shows it."""

    name: str
    kind: str
    """`counter`, `gauge` or `histogram`."""
    labels: tuple[str, ...]
    meaning: str


class Metrics:
    """Counts what happens. Every method is cheap, and none of them can fail or wait.

    If `read_figures` returns None, the gauges of the database are absent and
    `activation_worker_database_up` is 0: an outdated value must not look like a current one.
    """

    def __init__(self, read_figures: ReadFigures | None = None) -> None:
        self.registry = CollectorRegistry()
        self._database = DatabaseGauges(read_figures)
        self._register_decisions()
        self._register_messages()
        self._register_state()
        self.registry.register(self._database)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._show_zeros()
        # Used for each command: finding a series takes longer than counting in it.
        self._commands_of = cache(self._commands.labels)
        self._decision_seconds_of = cache(self._decision_seconds.labels)
        self._operation_seconds_of = cache(self._operation_seconds.labels)
        self._published_of = cache(self._published.labels)

    def command_decided(self, command: Command, decision: Decision, now: datetime) -> None:
        """A command was decided, and the decision committed."""
        operation = operation_of(command).value
        outcome = _OUTCOMES.get(decision.outcome, decision.outcome.value)
        self._commands_of(operation, outcome).inc()
        if decision.refusal is not None:
            self._refusals.labels(operation, decision.refusal.value).inc()
        if decision.outcome is not Outcome.DUPLICATE and command.time is not None:
            waited = (now - command.time).total_seconds()
            self._decision_seconds_of(operation).observe(max(0.0, waited))

    def operation_advanced(self, item: Advanced, now: datetime) -> None:
        """An operation was advanced, and that is committed."""
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
        """The effect of a PBX result was committed."""
        self._results.labels(result.value, effect).inc()

    def batch_committed(self, messages: int, seconds: float) -> None:
        """A transaction for this many messages was committed, and took this long."""
        self._batch_messages.observe(messages)
        self._commit_seconds.observe(seconds)
        self._last_commit.set_to_current_time()

    def message_unreadable(self, code: str) -> None:
        """A message can never be handled; the code is a stable word."""
        self._unreadable.labels(code).inc()

    def message_published(self, message_type: str) -> None:
        """The broker confirmed a message."""
        self._published_of(message_type).inc()

    def publish_failed(self, message_type: str) -> None:
        """The broker or a queue did not accept a message."""
        self._publish_failures.labels(message_type).inc()

    def event_unrouted(self, message_type: str) -> None:
        """The broker confirmed an event to which no queue is bound."""
        self._unrouted.labels(message_type).inc()

    def reconnected(self) -> None:
        """The connection to the broker was lost and is established again."""
        self._reconnects.inc()

    def partitions_owned(self, partitions: int) -> None:
        """The number of partitions that this worker owns changed; 0 while it stands by."""
        self._leader.set(partitions > 0)
        self._partitions_owned.set(partitions)

    def routed(self, partition: int, messages: int) -> None:
        """The queue of a partition confirmed this many commands."""
        self._routed.labels(str(partition)).inc(messages)

    def broker_blocked(self, *, blocked: bool) -> None:
        """Whether the broker blocks our publishers."""
        self._broker_blocked.set(blocked)

    def consumer_paused(self) -> None:
        """A consumer paused: the outbox cannot be published. It calls `consumer_resumed` later."""
        self._paused.inc()

    def consumer_resumed(self) -> None:
        """A consumer that had paused consumes again."""
        self._paused.dec()

    async def render(self) -> bytes:
        """All metrics in the Prometheus text format; the database's are a few seconds old."""
        await self._database.refresh()
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
            "command_refusals_total", "Commands rejected, by reason.", "operation", "code"
        )
        self._decision_seconds = self._histogram(
            "decision_delay_seconds",
            "From the `time` of a command to the commit of its decision.",
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
            "operation_delays_total", "Operations that were reported as late.", "operation"
        )
        self._failures = self._counter(
            "operation_failures_total",
            "Operations that failed or need an operator, by reason.",
            "operation",
            "code",
        )
        self._results = self._counter(
            "pbx_results_total",
            "Results that PBX systems sent, by effect; `unknown`: no step awaited the result.",
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
            "Time that one such transaction took, with its retries.",
            buckets=COMMIT_SECONDS,
        )

    def _register_messages(self) -> None:
        self._unreadable = self._counter(
            "dead_lettered_messages_total",
            "Messages sent to the dead-letter queue, by reason. Alert on any rise.",
            "code",
        )
        self._routed = self._counter(
            "routed_commands_total", "Commands routed to the queue of a partition.", "partition"
        )
        self._published = self._counter(
            "published_messages_total", "Messages that the broker confirmed.", "type"
        )
        self._publish_failures = self._counter(
            "publish_failures_total",
            "Times that the broker or a queue did not accept a message; it is tried again.",
            "type",
        )
        self._unrouted = self._counter(
            "unrouted_events_total", "Confirmed events to which no queue was bound.", "type"
        )

    def _register_state(self) -> None:
        self._reconnects = self._counter(
            "broker_reconnects_total",
            "Times that a lost connection to the broker was established again.",
        )
        self._leader = Gauge(
            f"{PREFIX}_leader",
            "1 while this worker owns a partition, 0 while it stands by.",
            registry=self.registry,
        )
        self._partitions_owned = Gauge(
            f"{PREFIX}_partitions_owned",
            "Partitions that this worker owns; with several, routing to them counts as one more.",
            registry=self.registry,
        )
        self._broker_blocked = Gauge(
            f"{PREFIX}_broker_blocked",
            "1 while RabbitMQ is short of memory or disk and accepts no messages.",
            registry=self.registry,
        )
        self._paused = Gauge(
            f"{PREFIX}_paused_consumers",
            "Consumers that pause, because the outbox cannot be published.",
            registry=self.registry,
        )
        self._last_commit = Gauge(
            f"{PREFIX}_last_commit_timestamp_seconds",
            "When a batch was last committed, in seconds since 1970; 0 before the first.",
            registry=self.registry,
        )

    def _show_zeros(self) -> None:
        # A series that first appears at 1 shows no rise: an alert would miss the first event.
        _show_zero(self._commands, Operation, _OUTCOMES.values())
        _show_zero(self._refusals, Operation, RefusalCode)
        _show_zero(self._decision_seconds, Operation)
        _show_zero(self._operation_seconds, Operation, (Outcome.COMPLETED, Outcome.FAILED))
        _show_zero(self._delays, Operation)
        _show_zero(self._failures, Operation, FailureCode)
        _show_zero(self._results, StepResult, (*Verdict, UNKNOWN))
        _show_zero(self._unreadable, ReadErrorCode)
        for definition in CATALOGUE:
            if definition.direction == "published":
                counter = self._publish_failures if definition.must_be_routed else self._unrouted
                counter.labels(definition.type)
                self._published.labels(definition.type)


def _show_zero(metric: Counter | Histogram, *labels: Iterable[str]) -> None:
    for values in product(*labels):
        metric.labels(*map(str, values))


def describe() -> tuple[MetricDescription, ...]:
    """All metrics of the worker's own, in the order in which they are shown."""
    described = Metrics()
    described.routed(partition=0, messages=0)  # a metric without a series shows no labels
    families = [*described.registry.collect(), *families_of(_NOTHING)]
    return tuple(_described(family) for family in families if family.name.startswith(PREFIX))


def _described(family: Metric) -> MetricDescription:
    labels = {name for sample in family.samples for name in sample.labels} - {"le"}
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return MetricDescription(name, family.type, tuple(sorted(labels)), family.documentation)


_NOTHING: Final = DatabaseFigures(0, 0, 0, 0, 0, 0, 0, 0, 0)
