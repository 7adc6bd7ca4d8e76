"""Backpressure slows a consumer down while the relay is behind."""

import asyncio
from datetime import UTC, datetime

from worker.consuming.backpressure import Backpressure
from worker.core.lanes import Lane
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter


class SlowRelay:
    """Reads one batch of bulk messages with each wait."""

    def __init__(self, batches: int) -> None:
        self.batches = batches

    def oldest_untried(self, _lane: Lane) -> datetime | None:
        return None

    def is_behind(self, lane: Lane) -> bool:
        return self.batches > 0 and lane == Lane.BULK

    async def wait_for_read(self, at_most_seconds: float) -> None:
        await asyncio.sleep(at_most_seconds / 1000)
        self.batches -= 1


def backpressure_of(relay: SlowRelay) -> Backpressure:
    return Backpressure(
        relay, lambda: datetime.now(UTC), Reporter(Metrics()), age_maximum_seconds=30
    )


async def test_a_consumer_takes_one_batch_for_each_that_a_relay_that_is_behind_reads() -> None:
    relay = SlowRelay(3)
    backpressure = backpressure_of(relay)
    left = []
    for _ in range(5):
        await backpressure.wait_for_capacity(asyncio.Event(), Lane.BULK)
        left.append(relay.batches)

    assert left == [2, 1, 0, 0, 0]


async def test_a_consumer_of_interactive_commands_does_not_wait_for_bulk_messages() -> None:
    relay = SlowRelay(3)
    await backpressure_of(relay).wait_for_capacity(asyncio.Event(), Lane.SURPLUS)

    assert relay.batches == 3


async def test_a_consumer_that_closes_does_not_wait_for_the_relay() -> None:
    relay = SlowRelay(1_000_000)
    closing = asyncio.Event()
    closing.set()
    await backpressure_of(relay).wait_for_capacity(closing, Lane.BULK)

    assert relay.batches == 1_000_000
