"""The gauges that the database measures."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from contracts.values import Operation
from worker.storage.gauges import DatabaseFigures

__all__ = ["PREFIX", "DatabaseGauges", "families_of"]

PREFIX: Final = "activation_worker"
MEASUREMENTS_KEPT_SECONDS: Final = 5.0
"""However many look, the database is asked no more often than this."""


class DatabaseGauges:
    """Keeps the last look at the database for a short while, and shows it as gauges."""

    def __init__(self, measure: Callable[[], Awaitable[DatabaseFigures | None]] | None) -> None:
        self._measure = measure
        self._last: DatabaseFigures | None = None
        self._look_again_at = 0.0
        self._looking = asyncio.Lock()

    async def look(self) -> None:
        """Looks again where the last look is too old."""
        if self._measure is None:
            return
        async with self._looking:
            if time.monotonic() >= self._look_again_at:
                self._last = await self._measure()
                # Counted from the answer: a database that is slow to fail is left in peace too.
                self._look_again_at = time.monotonic() + MEASUREMENTS_KEPT_SECONDS

    def describe(self) -> list[Metric]:
        """Nothing: what is shown changes with whether the database answers."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges of the last look; without one, only that there was none."""
        yield GaugeMetricFamily(
            f"{PREFIX}_measured",
            "1 where the gauges that the database measures are there, 0 where it did not answer.",
            value=float(self._last is not None),
        )
        if self._last is not None:
            yield from families_of(self._last)


_PLAIN_GAUGES: Final[tuple[tuple[str, str, Callable[[DatabaseFigures], float]], ...]] = (
    (
        "outbox_messages",
        "Messages decided and not yet confirmed by the broker.",
        lambda seen: seen.outbox_messages,
    ),
    (
        "outbox_delayed_messages",
        "Of these, those that the broker refused and that wait for their next attempt.",
        lambda seen: seen.outbox_delayed_messages,
    ),
    (
        "outbox_parked_messages",
        "Messages that can never be sent as they are. Any is an alarm: `activation-worker outbox`.",
        lambda seen: seen.outbox_parked_messages,
    ),
    (
        "outbox_oldest_message_age_seconds",
        "Age of the oldest unconfirmed message; 0 where there is none.",
        lambda seen: seen.outbox_oldest_seconds,
    ),
    (
        "voice_services_bought",
        "Voice services valid today, all accounts together.",
        lambda seen: seen.bought_services,
    ),
    (
        "voice_services_used",
        "Voice services used by ACTIVE and PENDING numbers, all accounts together.",
        lambda seen: seen.used_services,
    ),
    (
        "voice_services_free",
        "Headroom: voice services that activations may still take, all accounts together.",
        lambda seen: seen.free_services,
    ),
    (
        "oversubscribed_accounts",
        "Accounts at a site that use more voice services than they bought.",
        lambda seen: seen.oversubscribed_accounts,
    ),
    (
        "exhausted_accounts",
        "Accounts at a site that use exactly what they bought: no activation is left.",
        lambda seen: seen.exhausted_accounts,
    ),
)


def families_of(seen: DatabaseFigures) -> Iterator[Metric]:
    """The gauges that show one look at the database."""
    for name, meaning, value_of in _PLAIN_GAUGES:
        yield GaugeMetricFamily(f"{PREFIX}_{name}", meaning, value=value_of(seen))
    pending = _by_operation(
        "pending_operations", "Operations on their way, outstanding joins included."
    )
    overdue = _by_operation("overdue_operations", "Of these, those past their deadline.")
    oldest = _by_operation(
        "oldest_operation_age_seconds", "Age of the oldest operation under way; 0 without one."
    )
    for operation in Operation:
        found = seen.operations.get(operation.value)
        pending.add_metric([operation.value], found.numbers if found else 0)
        overdue.add_metric([operation.value], found.overdue_numbers if found else 0)
        oldest.add_metric([operation.value], found.oldest_seconds if found else 0)
    yield from (pending, overdue, oldest)


def _by_operation(name: str, meaning: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=["operation"])
