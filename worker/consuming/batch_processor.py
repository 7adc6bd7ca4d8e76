"""Messages in: each read by itself, decided in batches, acknowledged once that is stored."""

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from contracts.envelope import Envelope
from contracts.reading import UnreadableError, read
from worker.broker.connection import BrokerUnavailable
from worker.broker.delivery import Delivery
from worker.broker.session import BrokerSession
from worker.consuming.afterwards import Afterwards
from worker.consuming.backpressure import Backpressure
from worker.consuming.consumer import Consumer
from worker.consuming.dead_letters import DeadLetter, park
from worker.consuming.poison import PoisonTracker
from worker.core.poison import GIVEN_UP_AFTER_ATTEMPTS
from worker.runtime.concurrency import cancelled
from worker.storage.engine import Transactions, is_data_error, is_transient
from worker.storage.leadership import LeadershipLost
from worker.storage.outbox import OutgoingMessage
from worker.storage.session import Session
from worker.telemetry.logs import Action, get_logger
from worker.telemetry.reporter import Reporter

__all__ = ["BatchProcessor", "Effect", "Handler", "HandlerResult", "Incoming", "Message"]

CANNOT_BE_STORED: Final = "CANNOT_BE_STORED"
KILLS_THE_WORKER: Final = "KILLS_THE_WORKER"
GIVEN_UP: Final = (
    f"handling it was begun {GIVEN_UP_AFTER_ATTEMPTS} times, in the end alone, and never finished:"
    " each time the worker died or lost its servers"
)
PROBE_GROWTH: Final = 4
SETTLING_SECONDS: Final = 5
"""So long does an orderly end wait for what is not acknowledged yet: above all for letters on their
way to the dead-letter queue."""

Message = TypeVar("Message", bound=Envelope)
Effect = TypeVar("Effect")


class Incoming(NamedTuple, Generic[Message]):
    """A message and the delivery that brought it."""

    delivery: Delivery
    message: Message


class HandlerResult(NamedTuple, Generic[Effect]):
    """What a transaction has stored."""

    effect: Effect
    messages: Sequence[OutgoingMessage] = ()
    """What is to be said."""


class Handler(Protocol[Message, Effect]):
    """What is done with the messages of one queue."""

    @property
    def queue(self) -> str:
        """The queue's name."""

    @property
    def messages(self) -> Mapping[str, type[Message]]:
        """What can be read, by type."""

    async def transact(
        self, session: Session, batch: Sequence[Incoming[Message]]
    ) -> HandlerResult[Effect]:
        """Does all that follows from the batch, in this transaction."""

    def ordering_keys(self, batch: Sequence[Incoming[Message]]) -> AbstractSet[str]:
        """The numbers of which something may have to be said for that."""

    def report(self, batch: Sequence[Incoming[Message]], effect: Effect, at: datetime) -> None:
        """Tells what was done; it was stored at that time."""


class BatchProcessor(Generic[Message, Effect]):
    """Decides what an inbox is given, until that is closed or the link is lost."""

    def __init__(
        self,
        reception: Handler[Message, Effect],
        database: Transactions,
        link: BrokerSession,
        *,
        inbox: Consumer,
        suspects: PoisonTracker,
        outflow: Backpressure,
        reporter: Reporter,
    ) -> None:
        self._reception = reception
        self._database = database
        self._link = link
        self._suspects = suspects
        self._outflow = outflow
        self._reporter = reporter
        self.inbox = inbox
        """What it was given."""
        self._afterwards = Afterwards(inbox)
        outflow.told_before(self._afterwards.tell)
        self._settling: set[asyncio.Task[bool]] = set()
        """What is done with decided and unreadable messages while the next are decided."""

    async def run(self) -> None:
        """Handles batch after batch until the inbox is closed, and acknowledges the last."""
        try:
            await self.inbox.consume(self._handle_next)
            if self._settling:
                await asyncio.wait(self._settling, timeout=SETTLING_SECONDS)
        finally:
            # What is not acknowledged by now comes again, here or elsewhere, and would be told of
            # as a repetition.
            try:
                self._afterwards.tell()
            finally:
                await cancelled(list(self._settling))

    async def _handle_next(self) -> None:
        await self._outflow.released(self.inbox.closing)
        if not self.inbox.closing.is_set():
            await self._handle(await self._take())

    async def _take(self) -> list[Delivery]:
        """The next messages that may be handled together; one given up is put away."""
        batch = await self._suspects.begin(self.inbox.waiting)
        taken = [self.inbox.waiting.popleft() for _ in range(batch.messages)]
        if batch.given_up:
            self._park(DeadLetter(taken[0], KILLS_THE_WORKER, GIVEN_UP))
            self.inbox.handled(1)
            return []
        return taken

    async def _handle(self, batch: Sequence[Delivery]) -> None:
        readable = []
        for delivery in batch:
            try:
                message = read(
                    delivery.body, delivery.properties.content_type, self._reception.messages
                )
            except UnreadableError as error:
                self._park(DeadLetter(delivery, error.code, error.detail))
            else:
                readable.append(Incoming(delivery, message))
        if readable:
            await self._decide(readable)
        self.inbox.handled(len(batch))

    async def _decide(
        self, batch: Sequence[Incoming[Message]], *, retry_forever: bool = False
    ) -> None:
        started = perf_counter()
        try:
            with self._outflow.deciding(self._reception.ordering_keys(batch)):
                stored = await self._database.transact(
                    lambda on: self._transact(on, batch), retry_forever=retry_forever
                )
                self._outflow.committed(stored.messages)
        except Exception as error:
            if is_transient(error):
                await self._suspects.forgive([received.delivery for received in batch])
                await self._probe(batch)
            elif is_data_error(error):
                await self._decide_apart(batch, error)
            else:
                raise
        else:
            self._reporter.committed(len(batch), perf_counter() - started)
            self._follow_up(batch, stored.effect)

    def _follow_up(self, batch: Sequence[Incoming[Message]], effect: Effect) -> None:
        is_begun = self._afterwards.is_due
        report = partial(self._reception.report, batch, effect, datetime.now(UTC))
        self._afterwards.add(report, [received.delivery for received in batch])
        if not is_begun:
            self._beside(self._settle())

    async def _settle(self) -> bool:
        """Whether what was decided could be acknowledged; if not, it comes again."""
        try:
            await self._afterwards.finish()
        except BrokerUnavailable as error:
            self._link.fail(str(error))
            return False
        return True

    async def _transact(
        self, session: Session, batch: Sequence[Incoming[Message]]
    ) -> HandlerResult[Effect]:
        await self._suspects.clear(session, [received.delivery for received in batch])
        return await self._reception.transact(session, batch)

    async def _probe(self, batch: Sequence[Incoming[Message]]) -> None:
        # The database is away, or overwhelmed: one message asks until it answers, and what follows
        # grows step by step. Nothing is counted against a message for that.
        size = 1
        while batch:
            await self._decide(batch[:size], retry_forever=size == 1)
            batch = batch[size:]
            size *= PROBE_GROWTH

    async def _decide_apart(self, batch: Sequence[Incoming[Message]], error: Exception) -> None:
        """Finds what can never be stored, by halving; the others are decided."""
        if len(batch) == 1:
            reason = str(error).split("\n", maxsplit=1)[0]
            self._park(DeadLetter(batch[0].delivery, CANNOT_BE_STORED, reason))
            return
        middle = len(batch) // 2
        await self._decide(batch[:middle])
        await self._decide(batch[middle:])

    def _park(self, letter: DeadLetter) -> None:
        self._reporter.unreadable(letter.code, letter.detail)
        self._beside(self._park_and_settle(letter))

    def _beside(self, work: Coroutine[None, None, bool]) -> None:
        """Begins what the next messages do not wait for."""
        task = asyncio.create_task(work)
        self._settling.add(task)
        task.add_done_callback(self._has_ended)

    def _has_ended(self, task: asyncio.Task[bool]) -> None:
        self._settling.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._link.fail(f"a message could not be told of, acknowledged or put away: {error}")
            get_logger().error(Action.UNEXPECTED_ERROR, exc_info=error)

    async def _park_and_settle(self, letter: DeadLetter) -> bool:
        """Whether it lies among the dead letters; if not, it comes again."""
        with contextlib.suppress(BrokerUnavailable, LeadershipLost):
            await park(letter, self._link)
            if letter.delivery.redelivered:
                await self._database.transact(
                    lambda on: self._suspects.clear(on, [letter.delivery])
                )
            await self.inbox.settle([letter.delivery])
            return True
        return False
