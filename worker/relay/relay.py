"""Messages out: what was decided is said, and of each operation what follows is concluded."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final

from worker.broker.publisher import Publisher
from worker.core.operation import Policy
from worker.relay.key_ordered_publisher import KeyOrderedPublisher, PublishResult
from worker.relay.process_manager import Concluder, Noted, numbers_held_by
from worker.relay.upcoming import Upcoming
from worker.runtime.clock import Clock
from worker.runtime.concurrency import cancelled
from worker.storage.engine import Transactions
from worker.storage.outbox import (
    OutgoingMessage,
    Refused,
    delay_messages,
    next_messages,
)
from worker.storage.steps import mark_sent, release_steps, resend_steps
from worker.telemetry.reporter import Reporter, Telling

__all__ = ["Relay", "Surroundings"]

TURN_MAXIMUM_MESSAGES: Final = 500
"""Published in one pipeline. RabbitMQ gains little beyond a thousand in flight."""
UPCOMING_MAXIMUM_MESSAGES: Final = 4 * TURN_MAXIMUM_MESSAGES
"""So many are kept in memory between being stored and being sent; a few megabytes."""
FORGET_AFTER_SECONDS: Final = 0.02
"""So long does a relay that is done wait for more: forgetting what was sent costs the disk a write,
and whatever comes next needs one anyway."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the relay tells the lane, and what it must know of it."""

    lane: int
    """Its number."""
    target_missing: Callable[[str], None]
    """To be told when an exchange does not exist."""
    results_read_until: Callable[[datetime], datetime]
    """Until when all results are counted, at most until the moment given: what was due later is
    not late, for the word on it may still lie in the queue."""


class Relay:
    """Publishes the outbox and concludes operations; all that it must know is in the database."""

    def __init__(
        self,
        database: Transactions,
        publisher: Publisher,
        *,
        policy: Policy,
        clock: Clock,
        reporter: Reporter,
        sweep_interval_seconds: float,
        around: Surroundings,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._orderly = KeyOrderedPublisher(publisher, reporter, around.target_missing)
        self._policy = policy
        self._clock = clock
        self._sweep_interval_seconds = sweep_interval_seconds
        self._around = around
        self._concluder = Concluder(
            database,
            lane=around.lane,
            policy=policy,
            clock=clock,
            results_read_until=around.results_read_until,
        )
        self._wanted = asyncio.Event()
        self._turned = asyncio.Event()
        self._was_full = False
        """Whether the last look found more than goes into a turn."""
        self._stopping = False
        self._swept_at = -math.inf
        self._oldest_unpublished: datetime | None = None
        self._upcoming = Upcoming(UPCOMING_MAXIMUM_MESSAGES)
        self._sent: list[OutgoingMessage] = []
        """What the broker has and the outbox still holds."""
        self._noting: asyncio.Task[int] | None = None
        self._deciding: dict[object, AbstractSet[str]] = {}
        """By who is deciding."""
        self._telling = Telling(reporter)
        """Of what is stored: first it is said."""
        self._failures = 0

    def oldest_unpublished(self) -> datetime | None:
        """Since when the oldest message waits that was never tried before."""
        return self._oldest_unpublished

    def expect(self, of: object, phone_numbers: AbstractSet[str]) -> None:
        """Somebody is storing something of these numbers: the server may have it before we know."""
        self._deciding[of] = phone_numbers

    def told_before(self, tell: Callable[[], None]) -> None:
        """To be called before it tells of anything that followed."""
        self._telling.before.append(tell)

    def follow(self, messages: Sequence[OutgoingMessage]) -> None:
        """These were committed; where there are none, something else was: look for what follows."""
        self._upcoming.add(messages)
        if not messages:
            self._sweep_soon()
        self._wanted.set()

    @property
    def is_behind(self) -> bool:
        """Whether more waits than the next turn can say; not where nothing can be said at all."""
        is_behind = self._was_full or len(self._upcoming) > TURN_MAXIMUM_MESSAGES
        return is_behind and not self._publisher.is_blocked()

    async def turn(self, at_most_seconds: float) -> None:
        """Returns when it goes for the next messages, or after so long."""
        self._turned.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_seconds):
                await self._turned.wait()

    async def run(self) -> None:
        """Works at once when there is something to do, and from time to time unasked.

        Returns after `stop`, when nothing is left that could be said or completed now.
        """
        await self._database.transact(lambda on: release_steps(on, self._policy))
        try:
            await self._work()
        finally:
            if self._noting is not None:
                await cancelled([self._noting])

    async def _work(self) -> None:
        while True:
            self._wanted.clear()
            last = self._stopping
            while await self._turn():
                pass
            if last or not await self._is_wanted_within(FORGET_AFTER_SECONDS):
                await self._forget()
                if last:
                    return
                await self._is_wanted_within(self._sweep_interval_seconds)

    async def _is_wanted_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        return self._wanted.is_set()

    def stop(self) -> None:
        """Ends `run` when all that is stored by now has been said."""
        self._stopping = True
        self.follow(())

    def _sweep_soon(self) -> None:
        self._swept_at = -math.inf

    async def _turn(self) -> bool:
        # By the clock too, however busy: deadlines must not wait until nothing is to be said.
        sweeping = monotonic() - self._swept_at >= self._sweep_interval_seconds
        if sweeping:
            self._swept_at = monotonic()
        messages = await self._next(looking=sweeping)
        if messages:
            went_on = await self._say(messages)
        else:
            self._telling.tell()
            went_on = await self._noted()
        if sweeping:
            # The sweep takes its time: see `_say`.
            went_on += await self._noted()
            went_on += await self._sweep()
        # A lost answer to COMMIT leaves something in the outbox that nobody has announced.
        return bool(messages or went_on or self._database.failures != self._failures)

    async def _say(self, messages: Sequence[OutgoingMessage]) -> int:
        """Publishes, and begins to store what follows; how many operations went on before.

        No `await` may come between that beginning and `_next` but one that ends in `_noted`: what
        is stored behind what is being stored here could be known first, and leave before it.
        """
        said: asyncio.Future[PublishResult] = asyncio.get_running_loop().create_future()
        is_ahead = self._noting is None and self._concluder.may_go_ahead(messages)
        if is_ahead:
            self._noting = asyncio.create_task(self._note_ahead(messages, said))
        try:
            sent, refused = await self._orderly.publish(messages)
            said.set_result(PublishResult(sent, refused))
        finally:
            said.cancel()
            self._telling.tell()
        await self._start_clocks([message for message in sent if message.awaited])
        went_on = 0
        if not is_ahead:
            went_on += await self._noted()
            self._noting = asyncio.create_task(self._note(sent, refused))
        if refused:
            # What comes behind a message that was not taken must not go before that is stored.
            went_on += await self._noted()
        return went_on

    async def _next(self, *, looking: bool) -> list[OutgoingMessage]:
        # A transaction that failed may have been stored all the same. And where the intake waits
        # for an answer, what it has stored may come before what is known here of the number.
        failures, self._failures = self._failures, self._database.failures
        in_doubt = failures != self._failures or any(
            map(self._upcoming.speaks_of, self._deciding.values())
        )
        if looking or in_doubt or not self._upcoming.is_complete:
            messages = await self._look()
        else:
            messages = self._upcoming.take(TURN_MAXIMUM_MESSAGES)
            self._was_full = False
        self._turned.set()
        untried = (message.queued_at for message in messages if message.attempts == 0)
        self._oldest_unpublished = min(untried, default=None)
        if messages and self._publisher.is_blocked():
            # What goes on without a word goes on: deadlines, and what was said before.
            self._upcoming.doubt()
            return []
        return messages

    async def _look(self) -> list[OutgoingMessage]:
        await self._noted()
        await self._forget()
        self._upcoming.doubt()
        lane, now = self._around.lane, self._clock()
        messages, held_up = await self._database.look(
            lambda on: next_messages(on, lane, now, TURN_MAXIMUM_MESSAGES)
        )
        self._was_full = len(messages) == TURN_MAXIMUM_MESSAGES
        is_all = not (held_up or self._was_full)
        self._upcoming.looked(messages, is_all=is_all)
        return messages

    async def _start_clocks(self, sent: Sequence[OutgoingMessage]) -> None:
        if sent:
            await self._database.transact(
                lambda on: mark_sent(on, sent, self._clock(), self._policy)
            )

    async def _note_ahead(
        self, messages: Sequence[OutgoingMessage], said: asyncio.Future[PublishResult]
    ) -> int:
        """The same as `_note`, begun while the messages are on their way."""
        sent = [*self._sent, *messages]
        noted = await self._concluder.conclude_if_taken(numbers_held_by(messages), sent, said)
        if noted is None:
            return await self._note(*await said)
        self._sent.clear()
        return self._went_on(noted)

    async def _note(self, sent: Sequence[OutgoingMessage], refused: Collection[Refused]) -> int:
        """Stores what became of messages, and what follows; how many operations go on."""
        if refused:
            self._upcoming.doubt()
            lane, now = self._around.lane, self._clock()
            await self._database.transact(lambda on: delay_messages(on, lane, refused, now))
        self._sent.extend(sent)
        # Messages that hold no operation end nothing, and are forgotten with the next that do.
        numbers = numbers_held_by(sent)
        return await self._forget(numbers) if numbers else 0

    async def _noted(self) -> int:
        """Waits for what `_note` has begun: the next messages are sent meanwhile."""
        noting, self._noting = self._noting, None
        return 0 if noting is None else await noting

    async def _forget(self, numbers: Sequence[str] = ()) -> int:
        """Nobody waits any more for what was sent; how many operations go on for that."""
        if not self._sent:
            return 0
        sent, self._sent = self._sent, []
        return self._went_on(await self._concluder.advance(numbers, sent))

    async def _sweep(self) -> int:
        """Looks for what nobody announced; how many operations go on."""
        lane, now = self._around.lane, self._clock()
        asked_again = await self._database.transact(
            lambda on: resend_steps(on, lane, now, TURN_MAXIMUM_MESSAGES)
        )
        if asked_again:
            self._upcoming.doubt()
        return asked_again + self._went_on(
            await self._concluder.conclude_ready(TURN_MAXIMUM_MESSAGES)
        )

    def _went_on(self, noted: Noted) -> int:
        self._upcoming.add(noted.to_say)
        self._telling.add(noted.concluded)
        return len(noted.concluded)
