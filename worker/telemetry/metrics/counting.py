"""The metrics: counted as the worker works, or read from the database when Prometheus scrapes.

`describe()` lists them all, with the values that their labels may have.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, partial
from typing import Final, NamedTuple

from activation_contracts.messages import (
    Command,
    OperationAftermath,
    OperationFailed,
    StatusChanged,
)
from activation_contracts.records import RecordKind
from activation_contracts.topology import DEAD_LETTER_QUEUE
from activation_contracts.values import Step, StepResult
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric

from worker.core.batch import Advanced
from worker.core.decision import Decision, Outcome
from worker.core.directory.change import Verdict as RecordVerdict
from worker.core.lanes import Lane
from worker.core.operations.operation import OngoingOperation, operation_of
from worker.telemetry.metrics import database_gauges, dead_letter_gauge
from worker.telemetry.metrics.database_gauges import (
    DatabaseFigures,
    DatabaseGauges,
    ReadFigures,
    families_of,
)
from worker.telemetry.metrics.dead_letter_gauge import DeadLetterGauge, letters_of
from worker.telemetry.metrics.declaring import OTHER, Declarations, Domain, FirstSeen
from worker.telemetry.metrics.families import (
    DEAD_LETTER_CODES,
    DECISIONS,
    LANES,
    SITES_MAXIMUM,
    BatchMetrics,
    DecisionMetrics,
    Holder,
    OperationMetrics,
    PublishedMetrics,
    ReceivedMetrics,
    ReportOutcome,
    StateMetrics,
    StepMetrics,
)
from worker.telemetry.metrics.outcome_delays import OutcomeDelays, Story, seconds_between
from worker.telemetry.process_counters import (
    DATABASE_RECONNECTS,
    LINES_LOST,
    PREFIX,
    UNKNOWN_COMMITS,
)

__all__ = ["MetricDescription", "Metrics", "describe"]


# `activation_worker_start_timestamp_seconds` tells when the counters began.
disable_created_metrics()  # type: ignore[no-untyped-call]


class MetricDescription(NamedTuple):
    """One metric, as the documentation shows it."""

    name: str
    kind: str
    """`counter`, `gauge` or `histogram`."""
    labels: Mapping[str, Domain]
    """The domain of each label, by its name."""
    meaning: str


class Metrics:
    """Counts what happens. Every method is cheap, and none of them can fail or wait.

    If `read_figures` returns None, the gauges of the database are absent and
    `activation_worker_database_up` is 0: an outdated value must not look like a current one.
    """

    def __init__(self, read_figures: ReadFigures | None = None) -> None:
        self.registry = CollectorRegistry()
        self._database = DatabaseGauges(read_figures)
        declare = Declarations(self.registry)
        self._decisions = DecisionMetrics(declare)
        self._operations = OperationMetrics(declare)
        self._steps = StepMetrics(declare)
        self._batches = BatchMetrics(declare)
        self._received = ReceivedMetrics(declare)
        self._published = PublishedMetrics(declare)
        self._state = StateMetrics(declare)
        self.domains: Final[Mapping[str, Mapping[str, Domain]]] = {
            **declare.domains,
            **database_gauges.DOMAINS,
            **dead_letter_gauge.DOMAINS,
        }
        """The domains of the labels, by the name of the metric; without an entry it has none."""
        self._dead_letters = DeadLetterGauge(lambda: self._database.figures)
        of_the_process = (LINES_LOST, DATABASE_RECONNECTS, UNKNOWN_COMMITS)
        for collector in (self._database, self._dead_letters, *of_the_process):
            self.registry.register(collector)
        for of_python in (ProcessCollector, PlatformCollector, GCCollector):
            of_python(registry=self.registry)
        # Used for each command: finding a series takes longer than counting in it.
        self._commands_of = cache(self._decisions.commands.labels)
        self._decision_seconds_of = cache(self._decisions.decision_seconds.labels)
        self._operation_seconds_of = cache(self._operations.operation_seconds.labels)
        self._published_of = cache(self._published.published.labels)
        self._state.started_at.set_to_current_time()
        self._sites = FirstSeen(SITES_MAXIMUM)
        outcome_seconds_of = cache(self._operations.outcome_seconds.labels)
        self._outcomes = OutcomeDelays(
            lambda story, outcome, seconds: outcome_seconds_of(*story, outcome).observe(seconds)
        )

    def command_decided(
        self,
        command: Command,
        decision: Decision,
        now: datetime,
        lane: Lane = Lane.INTERACTIVE,
    ) -> None:
        """A command was decided, and the decision committed."""
        operation = operation_of(command).value
        outcome = DECISIONS.get(decision.outcome, decision.outcome.value)
        self._commands_of(operation, outcome).inc()
        self._aftermath_advanced(decision)
        if decision.refusal is not None:
            self._decisions.refusals.labels(operation, decision.refusal.value).inc()
        if decision.outcome is Outcome.DUPLICATE or command.time is None:
            return
        seconds = seconds_between(command.time, now)
        if seconds is not None:
            self._decision_seconds_of(operation).observe(seconds)
        ends = decision.outcome is Outcome.REJECTED
        for answer in decision.messages[:1]:
            story = Story(operation, LANES[lane])
            self._outcomes.decided(command, story, answer.id, ends=ends)

    def operation_advanced(self, item: Advanced, now: datetime) -> None:
        """An operation was advanced, and that is committed."""
        ongoing, outcome = item.before.ongoing, item.decision.outcome
        if ongoing is None:
            return
        for step in item.decision.retried:
            site = self._sites.label_of(item.before.site_id)
            self._steps.step_retries.labels(step.step.value, site).inc()
        if ongoing.aftermath is not None:
            self._aftermath_advanced(item.decision)
            return
        operation = ongoing.operation.value
        if outcome in {Outcome.COMPLETED, Outcome.FAILED}:
            lasted = (now - ongoing.since).total_seconds()
            self._operation_seconds_of(operation, outcome.value).observe(max(0.0, lasted))
            self._operation_ended(ongoing, item.decision)
        if item.decision.failure is not None:
            self._operations.failures.labels(operation, item.decision.failure.code.value).inc()
        elif outcome is Outcome.NOTIFIED:
            self._operations.delays.labels(operation).inc()

    def _operation_ended(self, ongoing: OngoingOperation, decision: Decision) -> None:
        for message in decision.messages:
            if isinstance(message, (StatusChanged, OperationFailed)):
                self._outcomes.ended(ongoing.command_source, ongoing.command_id, message.id)
                return

    def _aftermath_advanced(self, decision: Decision) -> None:
        for message in decision.messages:
            if isinstance(message, OperationAftermath):
                data = message.data
                self._operations.aftermaths.labels(data.what.value, data.state.value).inc()

    def result_received(self, result: StepResult, effect: str) -> None:
        """The effect of a PBX result was committed."""
        self._steps.results.labels(result.value, effect).inc()

    def step_ended(self, step: Step, site_id: str, seconds: float) -> None:
        """A result of a PBX ended a step, so long after the broker confirmed its request."""
        site = self._sites.label_of(site_id)
        self._steps.step_seconds.labels(step.value, site).observe(max(0.0, seconds))

    def record_received(self, kind: RecordKind, effect: RecordVerdict) -> None:
        """The effect of a record that the platform stated was committed."""
        self._operations.records.labels(kind.value, effect.value).inc()

    def batch_committed(self, messages: int, seconds: float) -> None:
        """A transaction for this many messages was committed, and took this long."""
        self._batches.batch_messages.observe(messages)
        self._batches.commit_seconds.observe(seconds)
        self._batches.last_commit.set_to_current_time()

    def batch_bisected(self) -> None:
        """A batch was halved: the database can never store one of its messages."""
        self._batches.bisects.inc()

    def message_unreadable(self, code: str) -> None:
        """A message can never be handled. The code may come with the message."""
        self._received.dead_lettered.labels(code if code in _CODES else OTHER).inc()

    def holds(self, queue: str, holder: Holder) -> Callable[[], None]:
        """A consumer of this queue holds deliveries; call what this returns at its end."""
        holders = self._received.holders[queue]
        holders.add(holder)
        return partial(holders.discard, holder)

    def message_redelivered(self, queue: str) -> None:
        """The broker delivered a message of this queue again."""
        self._received.redelivered.labels(queue).inc()

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

    def message_published(self, message_type: str, message_id: str) -> None:
        """The broker confirmed a message."""
        self._published_of(message_type).inc()
        self._outcomes.published(message_id)

    def publish_failed(self, message_type: str) -> None:
        """The broker or a queue did not accept a message."""
        self._published.publish_failures.labels(message_type).inc()

    def event_unrouted(self, message_type: str, message_id: str) -> None:
        """The broker confirmed an event to which no queue is bound."""
        self._published.unrouted.labels(message_type).inc()
        self._outcomes.published(message_id)

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

    def broker_connected(self, *, connected: bool) -> None:
        """Whether this worker is connected to the broker."""
        self._state.broker_up.set(connected)

    def queue_depths(self, messages: Mapping[str, int]) -> None:
        """How many messages are ready in each queue; a queue that is not named is unknown."""
        self._dead_letters.messages = messages.get(DEAD_LETTER_QUEUE)
        self._state.queue_messages.clear()
        for queue, ready in messages.items():
            self._state.queue_messages.labels(queue).set(ready)

    def blocked_for(self, seconds: float) -> None:
        """The broker has blocked our publishers for so long since the last call."""
        self._state.blocked_seconds.inc(seconds)

    def broker_blocked(self, *, blocked: bool) -> None:
        """Whether the broker blocks our publishers."""
        self._state.broker_blocked.set(blocked)

    def dead_letter_queue_broken(self, *, broken: bool) -> None:
        """Whether the dead-letter queue, or the exchange before it, cannot be used."""
        self._state.dead_letter_queue_broken.set(broken)

    def intake_paused(self, *, paused: bool) -> None:
        """Whether operators have paused the intake of commands."""
        self._state.intake_paused.set(paused)

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
    families = [*described.registry.collect(), *families_of(_NOTHING), letters_of({}, 0)]
    return tuple(
        _described(family, described.domains)
        for family in families
        if family.name.startswith(PREFIX)
    )


def _described(family: Metric, domains: Mapping[str, Mapping[str, Domain]]) -> MetricDescription:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return MetricDescription(name, family.type, domains.get(name, {}), family.documentation)


_NOTHING: Final = DatabaseFigures(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
_CODES: Final = frozenset(map(str, DEAD_LETTER_CODES))
