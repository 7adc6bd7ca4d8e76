"""What follows the intake: woken when there is something to say, a brake when it cannot be said."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, Protocol

from worker.runtime.clock import Clock
from worker.storage.outbox import OutgoingMessage
from worker.telemetry.reporter import Reporter

__all__ = ["Backpressure", "RelayPort"]

LOOK_AGAIN_SECONDS: Final = 0.2


class RelayPort(Protocol):
    """What says what was decided."""

    def expect(self, of: object, phone_numbers: AbstractSet[str]) -> None:
        """To be told of which numbers someone is storing what is not yet known as stored."""

    def follow(self, messages: Sequence[OutgoingMessage]) -> None:
        """To be told what was committed to be said; when nothing, look for what follows."""

    def told_before(self, tell: Callable[[], None]) -> None:
        """To call this before it tells of anything that followed."""

    def oldest_unpublished(self) -> datetime | None:
        """Since when the oldest message waits that was never tried."""

    @property
    def is_behind(self) -> bool:
        """Whether more waits than can be said soon; not where nothing can be said at all."""

    async def turn(self, at_most_seconds: float) -> None:
        """Returns when it goes for the next messages, or after so long."""


class Backpressure:
    """Holds the intake back while the oldest message that was never tried is too old.

    What the broker has refused does not count: one PBX queue that is full must not stop a
    building in another town. It looks again by itself: what lets go need not be new traffic.
    """

    def __init__(
        self, relay: RelayPort, clock: Clock, reporter: Reporter, *, age_maximum_seconds: float
    ) -> None:
        self._relay = relay
        self._clock = clock
        self._reporter = reporter
        self._age_maximum = timedelta(seconds=age_maximum_seconds)

    def told_before(self, tell: Callable[[], None]) -> None:
        """What followed of decisions is told of after this: it tells of the decisions."""
        self._relay.told_before(tell)

    @contextmanager
    def deciding(self, phone_numbers: AbstractSet[str]) -> Iterator[None]:
        """Meanwhile something is being stored that may have to be said of these numbers."""
        self._relay.expect(self, phone_numbers)
        try:
            yield
        finally:
            self._relay.expect(self, frozenset())

    def committed(self, messages: Sequence[OutgoingMessage]) -> None:
        """These are to be said; where there are none, something else may follow."""
        self._relay.follow(messages)

    async def released(self, stopping: asyncio.Event) -> None:
        """Returns as soon as more may be taken in, or when that is not wanted any more."""
        # Without this a long queue is decided faster than it is said, and the outbox grows.
        while self._relay.is_behind and not stopping.is_set():
            await self._relay.turn(LOOK_AGAIN_SECONDS)
        if not self._is_held_up():
            return
        self._reporter.consuming_paused(self._relay.oldest_unpublished())
        try:
            while self._is_held_up() and not stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), LOOK_AGAIN_SECONDS)
        finally:
            self._reporter.consuming_resumed()

    def _is_held_up(self) -> bool:
        oldest = self._relay.oldest_unpublished()
        return oldest is not None and self._clock() - oldest > self._age_maximum
