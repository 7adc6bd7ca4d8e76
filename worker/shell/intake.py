"""Commands in: whatever waits is one batch, decided in one transaction, then acknowledged."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from time import perf_counter
from typing import Final, NamedTuple

from aio_pika.abc import AbstractIncomingMessage
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalogue import COMMAND_QUEUE, COMMANDS
from contracts.messages import Command
from contracts.reading import UnreadableError, read
from worker.core.batch import decide_all
from worker.core.decision import Decision
from worker.shell.broker import CONNECT_TIMEOUT_SECONDS, BrokerUnavailable, Link
from worker.shell.database.engine import Database, is_data_error
from worker.shell.database.loading import load_for_commands
from worker.shell.database.writing import Answer, write_decisions
from worker.shell.dead_letters import DeadLetter, park
from worker.shell.reporting import Reporter
from worker.shell.settings import Settings
from worker.shell.settling import Settler

__all__ = ["Intake"]

CANNOT_BE_STORED: Final = "CANNOT_BE_STORED"


class Received(NamedTuple):
    """A command and the delivery that brought it."""

    delivery: AbstractIncomingMessage
    command: Command


class Intake:
    """Consumes commands on one link until it is stopped or the link is lost."""

    def __init__(
        self,
        database: Database,
        link: Link,
        settings: Settings,
        *,
        reporter: Reporter,
        committed: Callable[[], None],
    ) -> None:
        self._database = database
        self._link = link
        self._settings = settings
        self._reporter = reporter
        self._committed = committed
        self._waiting: deque[AbstractIncomingMessage] = deque()
        self._arrived = asyncio.Event()
        self._stopping = False
        self._settler = Settler()
        self._parking: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Handles batch after batch; returns after `stop`, the last batch acknowledged."""
        queue = await self._link.consuming.get_queue(COMMAND_QUEUE, ensure=False)
        consumer = await queue.consume(self._receive, timeout=CONNECT_TIMEOUT_SECONDS)
        while not self._stopping:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting and not self._stopping:
                await self._handle(self._take())
        await queue.cancel(consumer, timeout=CONNECT_TIMEOUT_SECONDS)
        if self._parking:
            await asyncio.wait(self._parking)

    def stop(self) -> None:
        """Ends `run` after the batch at hand; what still waits goes back to the queue."""
        self._stopping = True
        self._arrived.set()

    async def _receive(self, delivery: AbstractIncomingMessage) -> None:
        # The library cancels its callbacks when the connection is lost, in the middle of
        # whatever they do: so this one only takes note.
        self._settler.received(delivery)
        self._waiting.append(delivery)
        self._arrived.set()

    def _take(self) -> list[AbstractIncomingMessage]:
        batch = list(islice(self._waiting, self._settings.batch_maximum_commands))
        for _ in batch:
            self._waiting.popleft()
        return batch

    async def _handle(self, batch: Sequence[AbstractIncomingMessage]) -> None:
        readable = []
        for delivery in batch:
            try:
                command = read(delivery.body, delivery.content_type, COMMANDS)
            except UnreadableError as error:
                self._park(DeadLetter(delivery, error.code, error.detail))
            else:
                readable.append(Received(delivery, command))
        if readable:
            await self._settler.settle(await self._decide(readable))

    async def _decide(self, batch: Sequence[Received]) -> list[AbstractIncomingMessage]:
        """Decides the batch; the deliveries that are dealt with. Bad data is found by halving."""
        started = perf_counter()
        try:
            decisions = await self._database.persist(lambda on: self._transact(on, batch))
        except DBAPIError as error:
            if not is_data_error(error):
                raise
            return await self._decide_apart(batch, error)
        self._committed()
        commands = [received.command for received in batch]
        self._reporter.decided(commands, decisions, perf_counter() - started)
        return [received.delivery for received in batch]

    async def _decide_apart(
        self, batch: Sequence[Received], error: DBAPIError
    ) -> list[AbstractIncomingMessage]:
        if len(batch) == 1:
            reason = str(error.orig).split("\n", maxsplit=1)[0]
            self._park(DeadLetter(batch[0].delivery, CANNOT_BE_STORED, reason))
            return []
        middle = len(batch) // 2
        return await self._decide(batch[:middle]) + await self._decide(batch[middle:])

    async def _transact(
        self, connection: AsyncConnection, batch: Sequence[Received]
    ) -> list[Decision]:
        now = datetime.now(UTC)
        commands = [received.command for received in batch]
        known = await load_for_commands(connection, commands, now)
        time_allowed = timedelta(seconds=self._settings.operation_time_allowed_seconds)
        decisions = decide_all(known, commands, now, time_allowed=time_allowed)
        answers = [_answer_to(received) for received in batch]
        await write_decisions(connection, list(zip(commands, decisions, answers, strict=True)), now)
        return decisions

    def _park(self, letter: DeadLetter) -> None:
        self._reporter.unreadable(letter.code, letter.detail)
        # Beside the path: the good commands around a bad one do not wait for it.
        task = asyncio.create_task(self._park_and_settle(letter))
        self._parking.add(task)
        task.add_done_callback(self._parking.discard)

    async def _park_and_settle(self, letter: DeadLetter) -> None:
        with contextlib.suppress(BrokerUnavailable):
            await park(letter, self._link)
            await self._settler.settle([letter.delivery])


def _answer_to(received: Received) -> Answer | None:
    delivery = received.delivery
    if not delivery.reply_to or "\x00" in delivery.reply_to:
        return None
    correlation_id = delivery.correlation_id or received.command.id
    return Answer(delivery.reply_to, correlation_id.replace("\x00", ""))
