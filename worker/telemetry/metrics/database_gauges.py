"""The gauges that show the state of the database, read when Prometheus scrapes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from activation_contracts.values import AftermathKind, Operation, Step
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from worker.telemetry.metrics.declaring import Domain, anything_of
from worker.telemetry.process_counters import PREFIX

__all__ = [
    "DOMAINS",
    "Aftermaths",
    "DatabaseFigures",
    "DatabaseGauges",
    "OpenSteps",
    "OperationsUnderWay",
    "ReadFigures",
    "families_of",
]

CACHE_SECONDS: Final = 5.0
"""However often Prometheus scrapes, the database is read at most once in this time."""


@dataclass(frozen=True, slots=True)
class OperationsUnderWay:
    """The operations of one kind that have not ended."""

    numbers: int
    overdue_numbers: int
    oldest_seconds: float
    unresolved_numbers: int = 0
    """Those that need an operator."""
    unswept_numbers: int = 0
    """Those past their deadline that need no operator."""


@dataclass(frozen=True, slots=True)
class Aftermaths:
    """What ended operations left to do, of one kind."""

    numbers: int
    unresolved_numbers: int


@dataclass(frozen=True, slots=True)
class OpenSteps:
    """Steps of one kind that the PBX was asked for and has not answered."""

    steps: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class DatabaseFigures:
    """The figures of one read of the database."""

    outbox_messages: int
    outbox_delayed_messages: int
    outbox_parked_messages: int
    outbox_oldest_seconds: float
    stored_dead_letters: int
    used_services: int
    bought_services: int
    free_services: int
    oversubscribed_accounts: int
    exhausted_accounts: int
    operations: Mapping[str, OperationsUnderWay] = field(default_factory=dict)
    """By operation; an operation with no number under way is left out."""
    aftermaths: Mapping[str, Aftermaths] = field(default_factory=dict)
    """By kind; a kind with no number is left out."""
    open_steps: Mapping[str, OpenSteps] = field(default_factory=dict)
    """By step; a step without any is left out."""
    queued_dead_letters: Mapping[str, int] = field(default_factory=dict)
    """Those that workers have put into the dead-letter queue, by reason."""
    waiting_records: int = 0
    sequence_gaps: int = 0
    open_manual_logouts: int = 0
    partitions: int = 1
    """With several, the router counts as one more."""
    clock_offset_seconds: float = 0.0
    """How far the database's clock is ahead of this machine's."""


ReadFigures = Callable[[], Awaitable[DatabaseFigures | None]]
"""Reads the figures from the database; None if the database does not answer."""


class DatabaseGauges:
    """Collects the database's figures as gauges, and caches them for a few seconds."""

    def __init__(self, read_figures: ReadFigures | None) -> None:
        self._read_figures = read_figures
        self.figures: DatabaseFigures | None = None
        """Those that were read last; None while the database does not answer."""
        self._expires_at = 0.0
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        """Reads the figures again if the cached ones have expired."""
        if self._read_figures is None:
            return
        async with self._reading:
            if time.monotonic() >= self._expires_at:
                self.figures = await self._read_figures()
                # Counted from the answer, so that a database that fails slowly is not read at once
                # again.
                self._expires_at = time.monotonic() + CACHE_SECONDS

    def describe(self) -> list[Metric]:
        """Nothing: which gauges exist depends on whether the database answers."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges of the cached figures; only `database_up` if the database did not answer."""
        yield GaugeMetricFamily(
            f"{PREFIX}_database_up",
            "1 if the database answered when its gauges were last read; 0 if not: they are absent.",
            value=float(self.figures is not None),
        )
        if self.figures is not None:
            yield from families_of(self.figures)


_PLAIN_GAUGES: Final[tuple[tuple[str, str, Callable[[DatabaseFigures], float]], ...]] = (
    (
        "outbox_messages",
        "Messages in the outbox that the broker has not confirmed.",
        lambda figures: figures.outbox_messages,
    ),
    (
        "outbox_delayed_messages",
        "Of these, messages that the broker did not accept and that wait for their next attempt.",
        lambda figures: figures.outbox_delayed_messages,
    ),
    (
        "outbox_parked_messages",
        "Messages that cannot be encoded and are not retried: see `activation-worker outbox`.",
        lambda figures: figures.outbox_parked_messages,
    ),
    (
        "outbox_oldest_message_age_seconds",
        "Age of the oldest message that neither was refused nor waits behind a refused one; or 0.",
        lambda figures: figures.outbox_oldest_seconds,
    ),
    (
        "stored_dead_letters",
        "Dead letters that the dead-letter queue has not confirmed.",
        lambda figures: figures.stored_dead_letters,
    ),
    (
        "voice_services_bought",
        "Voice services in force today, all accounts together.",
        lambda figures: figures.bought_services,
    ),
    (
        "voice_services_used",
        "Voice services that ACTIVE and PENDING numbers use, all accounts together.",
        lambda figures: figures.used_services,
    ),
    (
        "voice_services_free",
        "Headroom: voice services that activations can still use, all accounts together.",
        lambda figures: figures.free_services,
    ),
    (
        "oversubscribed_accounts",
        "Accounts at a site that use more voice services than they bought.",
        lambda figures: figures.oversubscribed_accounts,
    ),
    (
        "exhausted_accounts",
        "Accounts at a site that use exactly what they bought: the next activation is rejected.",
        lambda figures: figures.exhausted_accounts,
    ),
    (
        "waiting_records",
        "Records of the platform that cannot be applied yet.",
        lambda figures: figures.waiting_records,
    ),
    (
        "sequence_gaps",
        "Status events that an operator discarded: subscribers miss a `sequence`.",
        lambda figures: figures.sequence_gaps,
    ),
    (
        "open_manual_logouts",
        "Devices that a person must still log a deactivated number out of.",
        lambda figures: figures.open_manual_logouts,
    ),
    (
        "partitions",
        "Partitions that need an owner; with several, routing to them counts as one more.",
        lambda figures: figures.partitions,
    ),
    (
        "database_clock_offset_seconds",
        "How far the clock of PostgreSQL is ahead of this machine's; negative if it is behind.",
        lambda figures: figures.clock_offset_seconds,
    ),
)


def families_of(figures: DatabaseFigures) -> Iterator[Metric]:
    """The gauges that show these figures."""
    for name, meaning, value_of in _PLAIN_GAUGES:
        yield GaugeMetricFamily(f"{PREFIX}_{name}", meaning, value=value_of(figures))
    for name, (meaning, label, values, value_of_label) in _LABELLED_GAUGES.items():
        family = GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=[label])
        for value in values:
            family.add_metric([value], value_of_label(figures, value))
        yield family


class _Labelled(NamedTuple):
    """A gauge with one label, which has a series for each value."""

    meaning: str
    label: str
    values: Sequence[str]
    value_of: Callable[[DatabaseFigures, str], float]


_NO_OPERATIONS: Final = OperationsUnderWay(0, 0, 0.0)
_NO_AFTERMATHS: Final = Aftermaths(0, 0)
_NO_STEPS: Final = OpenSteps(0, 0.0)


def _by_operation(meaning: str, value_of: Callable[[OperationsUnderWay], float]) -> _Labelled:
    return _Labelled(
        meaning,
        "operation",
        [*Operation],
        lambda figures, value: value_of(figures.operations.get(value, _NO_OPERATIONS)),
    )


def _by_kind(meaning: str, value_of: Callable[[Aftermaths], float]) -> _Labelled:
    return _Labelled(
        meaning,
        "what",
        [*AftermathKind],
        lambda figures, value: value_of(figures.aftermaths.get(value, _NO_AFTERMATHS)),
    )


def _by_step(meaning: str, value_of: Callable[[OpenSteps], float]) -> _Labelled:
    return _Labelled(
        meaning,
        "step",
        [*Step],
        lambda figures, value: value_of(figures.open_steps.get(value, _NO_STEPS)),
    )


_LABELLED_GAUGES: Final[Mapping[str, _Labelled]] = {
    "pending_operations": _by_operation("Operations under way.", lambda found: found.numbers),
    "overdue_operations": _by_operation(
        "Of these, operations past their deadline.", lambda found: found.overdue_numbers
    ),
    "unresolved_operations": _by_operation(
        "Of these, operations that need an operator.", lambda found: found.unresolved_numbers
    ),
    "unswept_operations": _by_operation(
        "Operations past their deadline that need no operator: a worker ends them within seconds.",
        lambda found: found.unswept_numbers,
    ),
    "oldest_operation_age_seconds": _by_operation(
        "Age of the oldest operation under way; 0 if there is none.",
        lambda found: found.oldest_seconds,
    ),
    "aftermaths": _by_kind(
        "Ended operations with steps that are outstanding, by what is left to do.",
        lambda found: found.numbers,
    ),
    "unresolved_aftermaths": _by_kind(
        "Of these, those that need an operator.", lambda found: found.unresolved_numbers
    ),
    "pbx_open_steps": _by_step(
        "Steps that a PBX was asked for and has not answered.", lambda found: found.steps
    ),
    "pbx_oldest_open_step_age_seconds": _by_step(
        "Time since the broker confirmed the first request of the oldest of these; 0 if there is"
        " none.",
        lambda found: found.oldest_seconds,
    ),
}

DOMAINS: Final[Mapping[str, Mapping[str, Domain]]] = {
    f"{PREFIX}_{name}": {gauge.label: anything_of(gauge.values)}
    for name, gauge in _LABELLED_GAUGES.items()
}
"""The domains of the labels of each of these gauges."""
