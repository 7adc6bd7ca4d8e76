"""The gauges that show the state of the database, read when Prometheus scrapes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from activation_contracts.values import AftermathKind, Operation
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

__all__ = [
    "PREFIX",
    "Aftermaths",
    "DatabaseFigures",
    "DatabaseGauges",
    "OperationsUnderWay",
    "ReadFigures",
    "families_of",
]

PREFIX: Final = "activation_worker"
CACHE_SECONDS: Final = 5.0
"""However often Prometheus scrapes, the database is read at most once in this time."""


@dataclass(frozen=True, slots=True)
class OperationsUnderWay:
    """The operations of one kind that have not ended."""

    numbers: int
    overdue_numbers: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Aftermaths:
    """What ended operations left to do, of one kind."""

    numbers: int
    unresolved_numbers: int


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


ReadFigures = Callable[[], Awaitable[DatabaseFigures | None]]
"""Reads the figures from the database; None if the database does not answer."""


class DatabaseGauges:
    """Collects the database's figures as gauges, and caches them for a few seconds."""

    def __init__(self, read_figures: ReadFigures | None) -> None:
        self._read_figures = read_figures
        self._figures: DatabaseFigures | None = None
        self._expires_at = 0.0
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        """Reads the figures again if the cached ones have expired."""
        if self._read_figures is None:
            return
        async with self._reading:
            if time.monotonic() >= self._expires_at:
                self._figures = await self._read_figures()
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
            value=float(self._figures is not None),
        )
        if self._figures is not None:
            yield from families_of(self._figures)


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
        "Messages that cannot be encoded and are not retried. Alert: `activation-worker outbox`.",
        lambda figures: figures.outbox_parked_messages,
    ),
    (
        "outbox_oldest_message_age_seconds",
        "Age of the oldest unconfirmed message; 0 if there is none.",
        lambda figures: figures.outbox_oldest_seconds,
    ),
    (
        "stored_dead_letters",
        "Dead letters that the dead-letter queue has not confirmed. Alert if it stays above 0.",
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
)


def families_of(figures: DatabaseFigures) -> Iterator[Metric]:
    """The gauges that show these figures."""
    for name, meaning, value_of in _PLAIN_GAUGES:
        yield GaugeMetricFamily(f"{PREFIX}_{name}", meaning, value=value_of(figures))
    pending = _by_operation("pending_operations", "Operations under way.")
    overdue = _by_operation("overdue_operations", "Of these, operations past their deadline.")
    oldest = _by_operation(
        "oldest_operation_age_seconds", "Age of the oldest operation under way; 0 if there is none."
    )
    for operation in Operation:
        found = figures.operations.get(operation.value)
        pending.add_metric([operation.value], found.numbers if found else 0)
        overdue.add_metric([operation.value], found.overdue_numbers if found else 0)
        oldest.add_metric([operation.value], found.oldest_seconds if found else 0)
    yield from (pending, overdue, oldest)
    aftermaths = _by_kind(
        "aftermaths", "Ended operations with steps that are outstanding, by what is left to do."
    )
    unresolved = _by_kind("unresolved_aftermaths", "Of these, those that need an operator.")
    for kind in AftermathKind:
        left = figures.aftermaths.get(kind.value)
        aftermaths.add_metric([kind.value], left.numbers if left else 0)
        unresolved.add_metric([kind.value], left.unresolved_numbers if left else 0)
    yield from (aftermaths, unresolved)


def _by_operation(name: str, meaning: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=["operation"])


def _by_kind(name: str, meaning: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=["what"])
