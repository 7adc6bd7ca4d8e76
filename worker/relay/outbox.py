"""The outbox of one partition as a stream of batches to publish."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import Final

from worker.core.lanes import Lane
from worker.runtime.clock import Clock
from worker.storage.connecting.engine import Transactions
from worker.storage.outbox.messages import OutgoingMessage, load_messages

__all__ = [
    "BATCH_MAXIMUM_MESSAGES",
    "BULK_MAXIMUM_MESSAGES",
    "SURPLUS_MAXIMUM_MESSAGES",
    "Outbox",
    "next_batch",
]

BATCH_MAXIMUM_MESSAGES: Final = 1000
"""The largest batch. RabbitMQ gains little from more messages in flight; with half as many, those
of deactivations, which go one after the other for each number, take a fifth longer."""
BULK_MAXIMUM_MESSAGES: Final = 100
"""The most deferred messages of a batch, if the first of them is bulk: a click that arrives
meanwhile waits for it. With 200, and bulk batches twice as large, clicks took 1.7 times as long and
bulk commands were 3 % faster."""
SURPLUS_MAXIMUM_MESSAGES: Final = 300
"""The most messages of a burst in a batch while people wait for others."""
PEOPLE_WAIT_SECONDS: Final = 2
"""For this long after an interactive message the next one is expected, and batches stay small."""
DEFERRED_SHARE_MESSAGES: Final = BATCH_MAXIMUM_MESSAGES // 10
"""Deferred messages of a batch, however many people wait for others."""


class Outbox:
    """Yields the messages to publish, in the order of the decisions, until `stop`.

    It reads the database when it is woken and on a timer. On the timer it also advances the
    operations that are due (`sweep`), which puts their messages into the outbox. It keeps no
    message in memory, so that each start is a recovery.
    """

    def __init__(
        self,
        database: Transactions,
        *,
        partition: int,
        clock: Clock,
        is_blocked: Callable[[], bool],
        sweep: Callable[[int], Awaitable[int]],
        sweep_interval_seconds: float,
    ) -> None:
        """`sweep` advances at most this number of due operations; returns how many were due."""
        self._database = database
        self._partition = partition
        self._clock = clock
        self._is_blocked = is_blocked
        self._sweep = sweep
        self._sweep_interval_seconds = sweep_interval_seconds
        self._sweep_at = -math.inf
        self._woken = asyncio.Event()
        self._was_read = asyncio.Event()
        self._behind: Lane | None = None
        self._people_wait_until = -math.inf
        self._is_stopping = False
        self._messages: Sequence[OutgoingMessage] = ()

    def wake(self, *, sweep: bool = False) -> None:
        """Reads the outbox at once; with `sweep`, advances due operations before."""
        if sweep:
            self._sweep_at = -math.inf
        self._woken.set()

    def stop(self) -> None:
        """Ends the stream after everything that can be published now."""
        self._is_stopping = True
        self.wake(sweep=True)

    def is_behind(self, lane: Lane) -> bool:
        """Whether more messages wait than one batch holds, and those of this lane wait for them.

        False while the broker is blocked.
        """
        return self._behind is not None and lane >= self._behind and not self._is_blocked()

    def oldest_untried(self, lane: Lane) -> datetime | None:
        """When the oldest message was queued that the broker has never refused.

        Of those of this lane and of the lanes before it.
        """
        untried = (
            item.queued_at for item in self._messages if item.attempts == 0 and item.lane <= lane
        )
        return min(untried, default=None)

    async def wait_for_read(self, at_most_seconds: float) -> None:
        """Returns when the next batch was read, or after this time."""
        self._was_read.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_seconds):
                await self._was_read.wait()

    async def __aiter__(self) -> AsyncIterator[Sequence[OutgoingMessage]]:
        """Batches of at most `BATCH_MAXIMUM_MESSAGES`, never empty."""
        while True:
            self._woken.clear()
            is_last = self._is_stopping
            await self._sweep_if_due()
            if messages := await self._read():
                # After their record it reads again at once: what follows needs no wake.
                yield messages
            elif is_last:
                return
            else:
                await self._wait_until_woken()

    async def _sweep_if_due(self) -> None:
        # Before each read, so that deadlines are met even if there is always something to publish.
        if monotonic() < self._sweep_at:
            return
        self._sweep_at = monotonic() + self._sweep_interval_seconds
        if await self._sweep(BATCH_MAXIMUM_MESSAGES) == BATCH_MAXIMUM_MESSAGES:
            self._sweep_at = -math.inf

    async def _read(self) -> Sequence[OutgoingMessage]:
        now = self._clock()
        messages = await self._database.read(
            lambda session: load_messages(session, self._partition, now, BATCH_MAXIMUM_MESSAGES)
        )
        if messages and not messages[0].deferred:
            self._people_wait_until = monotonic() + PEOPLE_WAIT_SECONDS
        batch = next_batch(messages, people_wait=monotonic() < self._people_wait_until)
        self._behind = _lane_behind(messages, batch)
        self._messages = messages
        self._was_read.set()
        # While the broker is blocked, only the sweep continues: deadlines pass all the same.
        return () if self._is_blocked() else batch

    async def _wait_until_woken(self) -> None:
        pause = max(0.0, min(self._sweep_at - monotonic(), self._sweep_interval_seconds))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._woken.wait()


def next_batch(
    messages: Sequence[OutgoingMessage], *, people_wait: bool
) -> Sequence[OutgoingMessage]:
    """The messages to publish now, of those that were loaded: the deferred ones come last.

    At least a tenth of them are deferred ones, if there are so many: they never starve.
    """
    waited = [message for message in messages if not message.deferred]
    deferred = messages[len(waited) :]
    room = max(DEFERRED_SHARE_MESSAGES, BATCH_MAXIMUM_MESSAGES - len(waited))
    if deferred and deferred[0].lane == Lane.BULK:
        room = min(room, BULK_MAXIMUM_MESSAGES)
    elif people_wait:
        room = min(room, SURPLUS_MAXIMUM_MESSAGES)
    chosen = deferred[:room]
    return [*waited[: BATCH_MAXIMUM_MESSAGES - len(chosen)], *chosen]


def _lane_behind(
    messages: Sequence[OutgoingMessage], batch: Sequence[OutgoingMessage]
) -> Lane | None:
    """The first lane of which more messages may wait than this batch holds."""
    deferred = [message for message in messages if message.deferred]
    if len(messages) - len(deferred) == BATCH_MAXIMUM_MESSAGES:
        return Lane.INTERACTIVE
    if len(deferred) == BATCH_MAXIMUM_MESSAGES or len(batch) < len(messages):
        return min(Lane.BULK, *(Lane(max(message.lane, Lane.SURPLUS)) for message in deferred))
    return None
