"""Handles a batch: reads each message, and stores the effects of all in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Final, Generic, Protocol, TypeVar

from activation_contracts.dead_letters import DeadLetterCode

from worker.broker.delivery import Delivery
from worker.consuming.batch_reader import BatchReader, Incoming, Message
from worker.consuming.batches import Batch
from worker.consuming.dead_letters import DeadLetters
from worker.consuming.poison import PoisonTracker
from worker.storage.connecting.engine import Transactions
from worker.storage.connecting.errors import is_data_error, is_transient
from worker.storage.connecting.session import Session
from worker.telemetry.reporter import Reporter
from worker.telemetry.tracing import BatchTrace, QueueTracing

__all__ = ["BatchProcessor", "Handler"]

PROBE_GROWTH: Final = 4

Result = TypeVar("Result")


class Handler(Protocol[Message, Result]):
    """Handles the messages of one queue.

    `handlers.CommandHandler`, `handlers.ResultHandler` and `directory_handler.DirectoryHandler`.
    """

    @property
    def messages(self) -> Mapping[str, type[Message]]:
        """The message types that it reads."""

    async def handle_batch(self, session: Session, batch: Sequence[Incoming[Message]]) -> Result:
        """Stores everything that follows from the batch, in the transaction of this session."""

    def after_commit(
        self, batch: Sequence[Incoming[Message]], result: Result, committed_at: datetime
    ) -> None:
        """Logs and counts the result, and wakes the relay."""


class BatchProcessor(Generic[Message, Result]):
    """Stores what follows from batches, and dead-letters messages that can never be handled."""

    def __init__(
        self,
        handler: Handler[Message, Result],
        reader: BatchReader[Message],
        database: Transactions,
        *,
        poison: PoisonTracker,
        dead_letters: DeadLetters,
        reporter: Reporter,
        tracing: QueueTracing,
    ) -> None:
        self._handler = handler
        self._reader = reader
        self._database = database
        self._poison = poison
        self._dead_letters = dead_letters
        self._reporter = reporter
        self._tracing = tracing

    async def process(self, batch: Batch) -> Sequence[Delivery]:
        """Stores what follows from the batch; returns the deliveries to acknowledge.

        The others are dead-lettered, and acknowledged after that. While the database is away, it
        tries one message until the database answers: no message is rejected for an outage.
        """
        incoming = self._reader.read_all(batch)
        if self._tracing.is_on:
            incoming = [item.traced(*self._tracing.receive(item.message)) for item in incoming]
        return await self._store(incoming) if incoming else ()

    async def flush(self) -> None:
        """Waits a few seconds for answers not yet sent and dead letters not yet stored."""
        await self._reader.flush()

    async def _store(
        self, batch: Sequence[Incoming[Message]], *, retry_forever: bool = False
    ) -> Sequence[Delivery]:
        deliveries = [incoming.delivery for incoming in batch]
        trace = self._tracing.batch([incoming.span for incoming in batch])
        started = perf_counter()
        try:
            result = await self._database.transact(
                lambda session: self._handle(session, batch, trace), retry_forever=retry_forever
            )
        except Exception as error:
            trace.failed(error, is_final=len(batch) == 1 and is_data_error(error))
            if is_transient(error):
                await self._poison.forgive(deliveries)
                return await self._probe(batch)
            if is_data_error(error):
                return await self._bisect(batch, error)
            raise
        self._reporter.batch_committed(len(batch), perf_counter() - started)
        self._handler.after_commit(batch, result, datetime.now(UTC))
        trace.committed()
        return deliveries

    async def _handle(
        self, session: Session, batch: Sequence[Incoming[Message]], trace: BatchTrace
    ) -> Result:
        trace.begins()
        await self._poison.clear(session, [incoming.delivery for incoming in batch])
        result = await self._handler.handle_batch(session, batch)
        trace.decided()
        return result

    async def _probe(self, batch: Sequence[Incoming[Message]]) -> Sequence[Delivery]:
        # The database is away or overloaded: tries one message until the database answers, and then
        # larger and larger batches. These attempts do not count as those of a poison message.
        stored: list[Delivery] = []
        size = 1
        while batch:
            stored += await self._store(batch[:size], retry_forever=size == 1)
            batch = batch[size:]
            size *= PROBE_GROWTH
        return stored

    async def _bisect(
        self, batch: Sequence[Incoming[Message]], error: Exception
    ) -> Sequence[Delivery]:
        """Finds the message that can never be stored, and stores the others."""
        if len(batch) == 1:
            reason = str(error).split("\n", maxsplit=1)[0]
            self._dead_letters.put(batch[0].delivery, DeadLetterCode.CANNOT_BE_STORED, reason)
            return ()
        self._reporter.metrics.batch_bisected()
        middle = len(batch) // 2
        return [*await self._store(batch[:middle]), *await self._store(batch[middle:])]
