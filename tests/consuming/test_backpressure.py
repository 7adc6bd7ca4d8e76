"""The intake is held back while what was decided cannot be said as fast."""

import asyncio
from datetime import UTC, datetime

from worker.consuming.backpressure import Backpressure
from worker.runtime.clock import utc_now
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter


class Slow:
    """Says one thing with each turn."""

    def __init__(self, to_say: int) -> None:
        self.to_say = to_say

    def expect(self, of: object, phone_numbers: object) -> None:
        """Nothing is expected here."""

    def follow(self, messages: object) -> None:
        """Nothing follows here."""

    def told_before(self, tell: object) -> None:
        """Nothing is told here."""

    def oldest_unpublished(self) -> datetime | None:
        return datetime.now(UTC)

    @property
    def is_behind(self) -> bool:
        return self.to_say > 0

    async def turn(self, at_most_seconds: float) -> None:
        await asyncio.sleep(at_most_seconds / 1000)
        self.to_say -= 1


def outflow_of(relay: Slow) -> Backpressure:
    return Backpressure(relay, utc_now, Reporter(Metrics()), age_maximum_seconds=30)


async def test_it_waits_until_the_relay_keeps_up() -> None:
    relay = Slow(3)
    await outflow_of(relay).released(asyncio.Event())

    assert relay.to_say == 0


async def test_it_waits_no_longer_when_it_is_to_stop() -> None:
    relay = Slow(1_000_000)
    stopping = asyncio.Event()
    stopping.set()
    await outflow_of(relay).released(stopping)

    assert relay.to_say == 1_000_000
