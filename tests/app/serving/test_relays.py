"""The relays of one worker, seen as one."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from worker.app.serving.relays import Relays
from worker.core.lanes import Lane

if TYPE_CHECKING:
    from worker.relay.outbox import Outbox

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Relay:
    """A relay that is behind by this number of batches."""

    def __init__(self, batches: int = 0, oldest: datetime | None = None) -> None:
        self.batches = batches
        self._oldest = oldest

    def oldest_untried(self, _lane: Lane) -> datetime | None:
        return self._oldest

    def is_behind(self, _lane: Lane) -> bool:
        return self.batches > 0

    async def wait_for_read(self, at_most_seconds: float) -> None:
        await asyncio.sleep(at_most_seconds / 1000)
        self.batches -= 1


def relays_of(*relays: Relay) -> Relays:
    return Relays({cast("Outbox", relay) for relay in relays})


def test_a_worker_without_a_relay_is_never_behind() -> None:
    relays = relays_of()

    assert not relays.is_behind(Lane.BULK)
    assert relays.oldest_untried(Lane.BULK) is None


def test_the_relays_are_as_late_as_the_latest_of_them() -> None:
    later = NOON + timedelta(minutes=1)
    relays = relays_of(Relay(), Relay(oldest=later), Relay(oldest=NOON))

    assert relays.oldest_untried(Lane.BULK) == NOON


async def test_each_relay_that_is_behind_reads_a_batch_before_the_next_one_is_taken() -> None:
    ahead, behind, far_behind = Relay(0), Relay(1), Relay(2)
    relays = relays_of(ahead, behind, far_behind)
    left = []
    while relays.is_behind(Lane.BULK):
        await relays.wait_for_read(0.2)
        left.append((ahead.batches, behind.batches, far_behind.batches))

    assert left == [(0, 0, 1), (0, 0, 0)]
