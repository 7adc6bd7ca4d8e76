"""The declarations of the metrics that are counted as the worker works."""

from collections.abc import Iterable
from enum import StrEnum, unique
from functools import partial
from typing import Final, Protocol

from activation_contracts.catalogue import (
    BULK_COMMAND_QUEUE,
    CATALOGUE,
    COMMAND_QUEUE,
    DIRECTORY_QUEUE,
    REPORT_QUEUE,
    RESULT_QUEUE,
)
from activation_contracts.dead_letters import DeadLetterCode
from activation_contracts.reading import ReadErrorCode
from activation_contracts.records import RecordKind
from activation_contracts.refusals import RefusalCode
from activation_contracts.topology import QUEUES
from activation_contracts.values import (
    AftermathKind,
    AftermathState,
    FailureCode,
    Operation,
    Step,
    StepResult,
)

from worker.core.decision import Outcome
from worker.core.directory.change import Verdict as RecordVerdict
from worker.core.lanes import Lane
from worker.core.operations.verdicts import Verdict
from worker.core.partitions import PARTITIONS_MAXIMUM
from worker.telemetry.metrics.declaring import OTHER, Declarations, Domain

__all__ = [
    "DEAD_LETTER_CODES",
    "DECISIONS",
    "LANES",
    "OUTCOMES",
    "SITES_MAXIMUM",
    "UNKNOWN",
    "BatchMetrics",
    "DecisionMetrics",
    "Holder",
    "OperationMetrics",
    "PublishedMetrics",
    "ReceivedMetrics",
    "ReportOutcome",
    "StateMetrics",
    "StepMetrics",
]

COMMIT_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
OPERATION_SECONDS: Final = (
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    *(30, 60, 120, 180, 300, 420, 600, 900, 1200, 1800, 3600),
)
STEP_SECONDS: Final = (0.05, 0.25, 1, 5, 30, 120, 600, 3600)
"""Few: there is a series of each for every step and site."""
BATCH_MESSAGES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

UNKNOWN: Final = "unknown"
"""The effect of a result that no step awaited."""

DECISIONS: Final = {
    Outcome.PENDING: "accepted",
    Outcome.REJECTED: "rejected",
    Outcome.DUPLICATE: "duplicate",
    Outcome.PREVIEWED: "previewed",
}
"""The values of the label `outcome` for decisions on commands."""

LANES: Final = {lane: lane.name.lower() for lane in Lane}
"""The values of the label `lane`."""
OUTCOMES: Final = ("first", "end")
"""The values of the label `outcome` for the delay of outcomes."""

SITES_MAXIMUM: Final = 50
"""How many sites have series of their own."""
SITES: Final = Domain(
    (OTHER,), SITES_MAXIMUM, f"the first {SITES_MAXIMUM} sites that the worker meets"
)
PARTITIONS: Final = Domain((), PARTITIONS_MAXIMUM, "the number of a partition, from 0 on")
SOURCE_QUEUES: Final = (
    *(COMMAND_QUEUE, BULK_COMMAND_QUEUE, RESULT_QUEUE, DIRECTORY_QUEUE, REPORT_QUEUE),
)
QUEUE_NAMES: Final = Domain(
    tuple(queue.name for queue in QUEUES), 2 * PARTITIONS_MAXIMUM, "the queues of the partitions"
)
DEAD_LETTER_CODES: Final = (*ReadErrorCode, *DeadLetterCode, OTHER)


@unique
class ReportOutcome(StrEnum):
    """What became of a report that may be answered."""

    ANSWERED = "answered"
    REQUESTER_GONE = "requester_gone"
    """Its `reply_to` names no queue any more."""
    UNDELIVERED = "undelivered"
    """The queue, or the broker, did not take a page for too long."""


class Holder(Protocol):
    """A consumer of a queue."""

    @property
    def held(self) -> int:
        """How many messages it has received and not acknowledged."""

    @property
    def stall_seconds(self) -> float:
        """How long it has held messages and acknowledged none; 0 if it holds none."""


class DecisionMetrics:
    """Metrics of the decisions on commands."""

    def __init__(self, declare: Declarations) -> None:
        self.commands = declare.counter(
            "commands_total",
            "Commands decided: accepted, rejected, a duplicate of an earlier one, or previewed.",
            operation=Operation,
            outcome=DECISIONS.values(),
        )
        self.refusals = declare.counter(
            "command_refusals_total",
            "Commands rejected, by reason.",
            operation=Operation,
            code=RefusalCode,
        )
        self.decision_seconds = declare.histogram(
            "decision_delay_seconds",
            "From the `time` of a command to the commit of its decision.",
            OPERATION_SECONDS,
            operation=Operation,
        )


class OperationMetrics:
    """Metrics of operations, and of the records that change numbers."""

    def __init__(self, declare: Declarations) -> None:
        self.outcome_seconds = declare.histogram(
            "command_outcome_delay_seconds",
            "From the `time` of a command to the broker's confirm of its first outcome (`first`:"
            " PENDING or the rejection), and of its end (`end`). Of commands that this worker"
            " decided and published since it started. A person waits for those of the lane"
            " `interactive`.",
            OPERATION_SECONDS,
            operation=Operation,
            lane=LANES.values(),
            outcome=OUTCOMES,
        )
        self.operation_seconds = declare.histogram(
            "operation_duration_seconds",
            "From PENDING to the end of the operation.",
            OPERATION_SECONDS,
            operation=Operation,
            outcome=(Outcome.COMPLETED, Outcome.FAILED),
        )
        self.delays = declare.counter(
            "operation_delays_total",
            "Operations that were reported as late.",
            operation=Operation,
        )
        self.failures = declare.counter(
            "operation_failures_total",
            "Operations that failed or need an operator, by reason.",
            operation=Operation,
            code=FailureCode,
        )
        self.aftermaths = declare.counter(
            "aftermath_events_total",
            "News of what ended operations left to do.",
            what=AftermathKind,
            state=AftermathState,
        )
        self.records = declare.counter(
            "directory_records_total",
            "Records that the platform stated by message, by effect.",
            kind=RecordKind,
            effect=RecordVerdict,
        )


class StepMetrics:
    """Metrics of the steps that PBX systems carry out, and of their results."""

    def __init__(self, declare: Declarations) -> None:
        self.results = declare.counter(
            "pbx_results_total",
            "Results that PBX systems sent, by effect; `unknown`: no step awaited the result.",
            result=StepResult,
            effect=(*Verdict, UNKNOWN),
        )
        self.step_seconds = declare.histogram(
            "pbx_step_duration_seconds",
            "From the broker's confirm of the first request of a step to the PBX's result that ends"
            " the step.",
            STEP_SECONDS,
            step=Step,
            site=SITES,
        )
        self.step_retries = declare.counter(
            "pbx_step_retries_total",
            "Requests of a step that were published again, because the PBX was silent or asked for"
            " it.",
            step=Step,
            site=SITES,
        )


class BatchMetrics:
    """Metrics of the transactions that store what follows from a batch."""

    def __init__(self, declare: Declarations) -> None:
        self.batch_messages = declare.histogram(
            "batch_messages",
            "Commands or PBX results handled in one transaction.",
            BATCH_MESSAGES,
        )
        self.commit_seconds = declare.histogram(
            "commit_duration_seconds",
            "Time that one such transaction took, with its retries.",
            COMMIT_SECONDS,
        )
        self.bisects = declare.counter(
            "batch_bisects_total",
            "Batches that were halved, because the database can never store one of their messages.",
        )
        self.last_commit = declare.gauge(
            "last_commit_timestamp_seconds",
            "When a batch was last committed, in seconds since 1970; 0 before the first.",
        )


class ReceivedMetrics:
    """Metrics of messages received."""

    def __init__(self, declare: Declarations) -> None:
        self.dead_lettered = declare.counter(
            "dead_lettered_messages_total",
            "Messages that can never be handled, by reason; `other` is a reason that came with the"
            " message.",
            code=DEAD_LETTER_CODES,
        )
        self.redelivered = declare.counter(
            "redelivered_messages_total",
            "Messages that the broker delivered again; those of a partition count for the queue"
            " that they were published to.",
            queue=SOURCE_QUEUES,
        )
        self.held = declare.gauge(
            "held_messages",
            "Messages that this worker has received and not yet acknowledged.",
            queue=SOURCE_QUEUES,
        )
        self.stall_seconds = declare.gauge(
            "consumer_stall_seconds",
            "How long a consumer has held messages and acknowledged none, the longest of the"
            " queue's consumers; 0 if they hold none.",
            queue=SOURCE_QUEUES,
        )
        self.holders: Final[dict[str, set[Holder]]] = {queue: set() for queue in SOURCE_QUEUES}
        """The consumers of each queue."""
        for queue, holders in self.holders.items():
            self.held.labels(queue).set_function(partial(_held, holders))
            self.stall_seconds.labels(queue).set_function(partial(_longest_stall, holders))
        self.replies_refused = declare.counter(
            "replies_refused_total",
            "Messages whose `reply_to` names a queue that gets no replies.",
        )
        self.previews_lost = declare.counter(
            "previews_lost_total",
            "Answers to previews that could not be published: their requesters ask again.",
        )
        self.reports = declare.counter(
            "reports_total",
            "Reports that were asked for, by what became of them.",
            outcome=ReportOutcome,
        )
        self.prioritised = declare.counter(
            "prioritised_messages_total",
            "Messages with a priority above 4: RabbitMQ 4 delivers them before earlier ones.",
        )
        self.routed = declare.counter(
            "routed_commands_total",
            "Commands routed to the queue of a partition.",
            partition=PARTITIONS,
        )


class PublishedMetrics:
    """Metrics of messages published."""

    def __init__(self, declare: Declarations) -> None:
        published = [item for item in CATALOGUE if item.direction == "published"]
        self.published = declare.counter(
            "published_messages_total",
            "Messages that the broker confirmed.",
            type=[item.type for item in published],
        )
        self.publish_failures = declare.counter(
            "publish_failures_total",
            "Times that the broker or a queue did not accept a message; it is tried again.",
            type=[item.type for item in published],
        )
        self.unrouted = declare.counter(
            "unrouted_events_total",
            "Confirmed events to which no queue was bound; the event log is one.",
            type=[item.type for item in published if not item.must_be_routed],
        )


class StateMetrics:
    """Metrics of what this worker does at the moment."""

    def __init__(self, declare: Declarations) -> None:
        self.reconnects = declare.counter(
            "broker_reconnects_total",
            "Times that a lost connection to the broker was established again.",
        )
        self.started_at = declare.gauge(
            "start_timestamp_seconds", "When this worker started, in seconds since 1970."
        )
        self.leader = declare.gauge(
            "leader", "1 while this worker owns a partition, 0 while it stands by."
        )
        self.partitions_owned = declare.gauge(
            "partitions_owned",
            "Partitions that this worker owns; with several, routing to them counts as one more.",
        )
        self.broker_up = declare.gauge("broker_up", "1 while this worker is connected to RabbitMQ.")
        self.blocked_seconds = declare.counter(
            "broker_blocked_seconds_total",
            "Seconds in which RabbitMQ accepted no messages: it is short of memory or disk.",
        )
        self.queue_messages = declare.gauge(
            "queue_messages",
            "Messages that are ready in a queue, as the broker said in the last few seconds. Absent"
            " while it does not say so, and for a missing queue.",
            queue=QUEUE_NAMES,
        )
        self.broker_blocked = declare.gauge(
            "broker_blocked",
            "1 while RabbitMQ is short of memory or disk and accepts no messages.",
        )
        self.dead_letter_queue_broken = declare.gauge(
            "dead_letter_queue_broken",
            "1 while the dead-letter queue, or the exchange before it, is missing or forbidden.",
        )
        self.intake_paused = declare.gauge(
            "intake_paused",
            "1 while `activation-worker pause` keeps commands waiting.",
        )
        self.paused_consumers = declare.gauge(
            "paused_consumers",
            "Consumers that pause, because the outbox cannot be published.",
        )


def _held(holders: Iterable[Holder]) -> float:
    return sum(holder.held for holder in holders)


def _longest_stall(holders: Iterable[Holder]) -> float:
    return max((holder.stall_seconds for holder in holders), default=0.0)
