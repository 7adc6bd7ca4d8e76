"""The metrics: counted as the worker works, or read from the database when Prometheus scrapes.

`describe()` lists them all. No label holds a phone number, an account or a site: the number of
series must not grow with the data.
"""

from datetime import datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

from activation_contracts.messages import Command, OperationAftermath
from activation_contracts.records import RecordKind
from activation_contracts.values import StepResult
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import Metric

from worker.core.batch import Advanced
from worker.core.decision import Decision, Outcome
from worker.core.directory.change import Verdict as RecordVerdict
from worker.core.operations.operation import operation_of
from worker.telemetry.database_gauges import (
    PREFIX,
    DatabaseFigures,
    DatabaseGauges,
    ReadFigures,
    families_of,
)
from worker.telemetry.log_stream import LINES_LOST
from worker.telemetry.metric_families import (
    DECISIONS,
    BatchMetrics,
    DecisionMetrics,
    OperationMetrics,
    PublishedMetrics,
    ReceivedMetrics,
    ReportOutcome,
    StateMetrics,
)

__all__ = ["MetricDescription", "Metrics", "describe"]


DELAY_MAXIMUM: Final = timedelta(days=7)
"""A longer delay is a wrong clock of the publisher, and would spoil the sum of the histogram."""
CLOCK_DIFFERENCE_MAXIMUM: Final = timedelta(hours=1)
"""How far the publisher's clock may be ahead; such a delay counts as none."""


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
        self._decisions = DecisionMetrics(self.registry)
        self._operations = OperationMetrics(self.registry)
        self._batches = BatchMetrics(self.registry)
        self._received = ReceivedMetrics(self.registry)
        self._published = PublishedMetrics(self.registry)
        self._state = StateMetrics(self.registry)
        self.registry.register(self._database)
        self.registry.register(LINES_LOST)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        # Used for each command: finding a series takes longer than counting in it.
        self._commands_of = cache(self._decisions.commands.labels)
        self._decision_seconds_of = cache(self._decisions.decision_seconds.labels)
        self._operation_seconds_of = cache(self._operations.operation_seconds.labels)
        self._published_of = cache(self._published.published.labels)

    def command_decided(self, command: Command, decision: Decision, now: datetime) -> None:
        """A command was decided, and the decision committed."""
        operation = operation_of(command).value
        outcome = DECISIONS.get(decision.outcome, decision.outcome.value)
        self._commands_of(operation, outcome).inc()
        self._aftermath_advanced(decision)
        if decision.refusal is not None:
            self._decisions.refusals.labels(operation, decision.refusal.value).inc()
        if decision.outcome is not Outcome.DUPLICATE and command.time is not None:
            waited = now - command.time
            if -CLOCK_DIFFERENCE_MAXIMUM <= waited <= DELAY_MAXIMUM:
                seconds = max(0.0, waited.total_seconds())
                self._decision_seconds_of(operation).observe(seconds)

    def operation_advanced(self, item: Advanced, now: datetime) -> None:
        """An operation was advanced, and that is committed."""
        ongoing, outcome = item.before.ongoing, item.decision.outcome
        if ongoing is None:
            return
        if ongoing.aftermath is not None:
            self._aftermath_advanced(item.decision)
            return
        operation = ongoing.operation.value
        if outcome in {Outcome.COMPLETED, Outcome.FAILED}:
            lasted = (now - ongoing.since).total_seconds()
            self._operation_seconds_of(operation, outcome.value).observe(max(0.0, lasted))
        if item.decision.failure is not None:
            self._operations.failures.labels(operation, item.decision.failure.code.value).inc()
        elif outcome is Outcome.NOTIFIED:
            self._operations.delays.labels(operation).inc()

    def _aftermath_advanced(self, decision: Decision) -> None:
        for message in decision.messages:
            if isinstance(message, OperationAftermath):
                data = message.data
                self._operations.aftermaths.labels(data.what.value, data.state.value).inc()

    def result_received(self, result: StepResult, effect: str) -> None:
        """The effect of a PBX result was committed."""
        self._operations.results.labels(result.value, effect).inc()

    def record_received(self, kind: RecordKind, effect: RecordVerdict) -> None:
        """The effect of a record that the platform stated was committed."""
        self._operations.records.labels(kind.value, effect.value).inc()

    def batch_committed(self, messages: int, seconds: float) -> None:
        """A transaction for this many messages was committed, and took this long."""
        self._batches.batch_messages.observe(messages)
        self._batches.commit_seconds.observe(seconds)
        self._batches.last_commit.set_to_current_time()

    def message_unreadable(self, code: str) -> None:
        """A message can never be handled; the code is a stable word."""
        self._received.dead_lettered.labels(code).inc()

    def reply_refused(self) -> None:
        """A `reply_to` names a queue that gets no replies."""
        self._received.replies_refused.inc()

    def previews_lost(self, answers: int) -> None:
        """Answers to previews were not published."""
        self._received.previews_lost.inc(answers)

    def report_ended(self, outcome: ReportOutcome) -> None:
        """A report was answered, or given up."""
        self._received.reports.labels(outcome.value).inc()

    def message_prioritised(self) -> None:
        """A message has a priority that changes the order of delivery."""
        self._received.prioritised.inc()

    def message_published(self, message_type: str) -> None:
        """The broker confirmed a message."""
        self._published_of(message_type).inc()

    def publish_failed(self, message_type: str) -> None:
        """The broker or a queue did not accept a message."""
        self._published.publish_failures.labels(message_type).inc()

    def event_unrouted(self, message_type: str) -> None:
        """The broker confirmed an event to which no queue is bound."""
        self._published.unrouted.labels(message_type).inc()

    def reconnected(self) -> None:
        """The connection to the broker was lost and is established again."""
        self._state.reconnects.inc()

    def partitions_owned(self, partitions: int) -> None:
        """The number of partitions that this worker owns changed; 0 while it stands by."""
        self._state.leader.set(partitions > 0)
        self._state.partitions_owned.set(partitions)

    def routed(self, partition: int, messages: int) -> None:
        """The queue of a partition confirmed this many commands."""
        self._received.routed.labels(str(partition)).inc(messages)

    def broker_blocked(self, *, blocked: bool) -> None:
        """Whether the broker blocks our publishers."""
        self._state.broker_blocked.set(blocked)

    def dead_letter_queue_broken(self, *, broken: bool) -> None:
        """Whether the dead-letter queue, or the exchange before it, cannot be used."""
        self._state.dead_letter_queue_broken.set(broken)

    def consumer_paused(self) -> None:
        """A consumer paused: the outbox cannot be published. It calls `consumer_resumed` later."""
        self._state.paused_consumers.inc()

    def consumer_resumed(self) -> None:
        """A consumer that had paused consumes again."""
        self._state.paused_consumers.dec()

    async def render(self) -> bytes:
        """All metrics in the Prometheus text format; the database's are a few seconds old."""
        await self._database.refresh()
        return generate_latest(self.registry)


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


_NOTHING: Final = DatabaseFigures(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
