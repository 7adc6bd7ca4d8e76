"""The declarations of the metrics that are counted as the worker works."""

from collections.abc import Iterable
from enum import StrEnum, unique
from itertools import product
from typing import Final

from activation_contracts.catalogue import CATALOGUE
from activation_contracts.reading import ReadErrorCode
from activation_contracts.records import RecordKind
from activation_contracts.refusals import RefusalCode
from activation_contracts.values import (
    AftermathKind,
    AftermathState,
    FailureCode,
    Operation,
    StepResult,
)
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from worker.core.decision import Outcome
from worker.core.directory.change import Verdict as RecordVerdict
from worker.core.operations.verdicts import Verdict
from worker.telemetry.database_gauges import PREFIX

__all__ = [
    "DECISIONS",
    "UNKNOWN",
    "BatchMetrics",
    "DecisionMetrics",
    "OperationMetrics",
    "PublishedMetrics",
    "ReceivedMetrics",
    "ReportOutcome",
    "StateMetrics",
]

COMMIT_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
OPERATION_SECONDS: Final = (
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    *(30, 60, 300, 1800, 3600),
)
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


@unique
class ReportOutcome(StrEnum):
    """What became of a report that may be answered."""

    ANSWERED = "answered"
    REQUESTER_GONE = "requester_gone"
    """Its `reply_to` names no queue any more."""
    NOT_TAKEN = "not_taken"
    """The queue, or the broker, did not take a page for too long."""


class DecisionMetrics:
    """Metrics of the decisions on commands."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.commands = _counter(
            registry,
            "commands_total",
            "Commands decided: accepted, rejected, a duplicate of an earlier one, or previewed.",
            operation=Operation,
            outcome=DECISIONS.values(),
        )
        self.refusals = _counter(
            registry,
            "command_refusals_total",
            "Commands rejected, by reason.",
            operation=Operation,
            code=RefusalCode,
        )
        self.decision_seconds = _histogram(
            registry,
            "decision_delay_seconds",
            "From the `time` of a command to the commit of its decision.",
            OPERATION_SECONDS,
            operation=Operation,
        )


class OperationMetrics:
    """Metrics of operations, and of the PBX results that advance them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.operation_seconds = _histogram(
            registry,
            "operation_duration_seconds",
            "From PENDING to the end of the operation.",
            OPERATION_SECONDS,
            operation=Operation,
            outcome=(Outcome.COMPLETED, Outcome.FAILED),
        )
        self.delays = _counter(
            registry,
            "operation_delays_total",
            "Operations that were reported as late.",
            operation=Operation,
        )
        self.failures = _counter(
            registry,
            "operation_failures_total",
            "Operations that failed or need an operator, by reason.",
            operation=Operation,
            code=FailureCode,
        )
        self.aftermaths = _counter(
            registry,
            "aftermath_events_total",
            "News of what ended operations left to do.",
            what=AftermathKind,
            state=AftermathState,
        )
        self.results = _counter(
            registry,
            "pbx_results_total",
            "Results that PBX systems sent, by effect; `unknown`: no step awaited the result.",
            result=StepResult,
            effect=(*Verdict, UNKNOWN),
        )
        self.records = _counter(
            registry,
            "directory_records_total",
            "Records that the platform stated by message, by effect.",
            kind=RecordKind,
            effect=RecordVerdict,
        )


class BatchMetrics:
    """Metrics of the transactions that store what follows from a batch."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.batch_messages = _histogram(
            registry,
            "batch_messages",
            "Commands or PBX results handled in one transaction.",
            BATCH_MESSAGES,
        )
        self.commit_seconds = _histogram(
            registry,
            "commit_duration_seconds",
            "Time that one such transaction took, with its retries.",
            COMMIT_SECONDS,
        )
        self.last_commit = _gauge(
            registry,
            "last_commit_timestamp_seconds",
            "When a batch was last committed, in seconds since 1970; 0 before the first.",
        )


class ReceivedMetrics:
    """Metrics of messages received."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.dead_lettered = _counter(
            registry,
            "dead_lettered_messages_total",
            "Messages that can never be handled, by reason. Alert on any rise.",
            code=ReadErrorCode,
        )
        self.replies_refused = _counter(
            registry,
            "replies_refused_total",
            "Messages whose `reply_to` names a queue that gets no replies.",
        )
        self.previews_lost = _counter(
            registry,
            "previews_lost_total",
            "Answers to previews that could not be published: their requesters ask again.",
        )
        self.reports = _counter(
            registry,
            "reports_total",
            "Reports that were asked for, by what became of them.",
            outcome=ReportOutcome,
        )
        self.prioritised = _counter(
            registry,
            "prioritised_messages_total",
            "Messages with a priority above 4: RabbitMQ 4 delivers them before earlier ones.",
        )
        self.routed = _counter(
            registry,
            "routed_commands_total",
            "Commands routed to the queue of a partition.",
            partition=(),
        )


class PublishedMetrics:
    """Metrics of messages published."""

    def __init__(self, registry: CollectorRegistry) -> None:
        published = [item for item in CATALOGUE if item.direction == "published"]
        self.published = _counter(
            registry,
            "published_messages_total",
            "Messages that the broker confirmed.",
            type=[item.type for item in published],
        )
        self.publish_failures = _counter(
            registry,
            "publish_failures_total",
            "Times that the broker or a queue did not accept a message; it is tried again.",
            type=[item.type for item in published if item.must_be_routed],
        )
        self.unrouted = _counter(
            registry,
            "unrouted_events_total",
            "Confirmed events to which no queue was bound; the event log is one.",
            type=[item.type for item in published if not item.must_be_routed],
        )


class StateMetrics:
    """Metrics of what this worker does at the moment."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reconnects = _counter(
            registry,
            "broker_reconnects_total",
            "Times that a lost connection to the broker was established again.",
        )
        self.leader = _gauge(
            registry, "leader", "1 while this worker owns a partition, 0 while it stands by."
        )
        self.partitions_owned = _gauge(
            registry,
            "partitions_owned",
            "Partitions that this worker owns; with several, routing to them counts as one more.",
        )
        self.broker_blocked = _gauge(
            registry,
            "broker_blocked",
            "1 while RabbitMQ is short of memory or disk and accepts no messages.",
        )
        self.dead_letter_queue_broken = _gauge(
            registry,
            "dead_letter_queue_broken",
            "1 while the dead-letter queue, or the exchange before it, is missing or forbidden.",
        )
        self.paused_consumers = _gauge(
            registry,
            "paused_consumers",
            "Consumers that pause, because the outbox cannot be published.",
        )


def _counter(
    registry: CollectorRegistry, name: str, meaning: str, **labels: Iterable[str]
) -> Counter:
    metric = Counter(f"{PREFIX}_{name}", meaning, tuple(labels), registry=registry)
    _show_zeros(metric, labels.values())
    return metric


def _histogram(
    registry: CollectorRegistry,
    name: str,
    meaning: str,
    buckets: tuple[float, ...],
    **labels: Iterable[str],
) -> Histogram:
    metric = Histogram(
        f"{PREFIX}_{name}", meaning, tuple(labels), buckets=buckets, registry=registry
    )
    _show_zeros(metric, labels.values())
    return metric


def _gauge(registry: CollectorRegistry, name: str, meaning: str) -> Gauge:
    return Gauge(f"{PREFIX}_{name}", meaning, registry=registry)


def _show_zeros(metric: Counter | Histogram, labels: Iterable[Iterable[str]]) -> None:
    # A series that first appears at 1 shows no rise: an alert would miss the first event.
    for values in product(*labels):
        if values:
            metric.labels(*map(str, values))
