"""Stores messages that can never be handled as dead letters: unchanged, with the reason added.

The dead-letter relay publishes them. The database keeps them until the dead-letter queue confirms
them, so that they fill no prefetch and stop no other message, whatever happens to the queue.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import aio_pika
from activation_contracts.topology import DEAD_LETTER_QUEUE

from worker.broker.connecting.connection import BrokerUnavailable
from worker.broker.delivery import Delivery
from worker.broker.forwarding import DEAD_LETTER_HEADERS, forwarded, stripped
from worker.broker.phone_numbers import phone_number_of
from worker.broker.publishing.publication import encode_properties
from worker.broker.session import BrokerSession
from worker.consuming.poison import PoisonTracker
from worker.runtime.concurrency import cancelled
from worker.runtime.printable import printable
from worker.storage.connecting.engine import Transactions
from worker.storage.connecting.errors import LeadershipLost
from worker.storage.connecting.session import Session
from worker.storage.outbox.dead_letters import (
    BATCH_MAXIMUM_BYTES,
    BATCH_MAXIMUM_MESSAGES,
    Reason,
    log_dead_letters,
    store_dead_letters,
)
from worker.telemetry.logs import Action, get_logger
from worker.telemetry.reporter import Reporter

__all__ = ["DeadLetter", "DeadLetters"]

DETAIL_MAXIMUM_CHARACTERS: Final = 500
FLUSH_SECONDS: Final = 5
"""How long an orderly stop waits for dead letters that are not stored yet."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that can never be handled, and why."""

    delivery: Delivery
    code: str
    detail: str


class DeadLetters:
    """Stores the dead letters of one consumer, those that wait together, and acknowledges them."""

    def __init__(
        self,
        session: BrokerSession,
        database: Transactions,
        poison: PoisonTracker,
        reporter: Reporter,
        *,
        acknowledge: Callable[[Sequence[Delivery]], Awaitable[None]],
        on_stored: Callable[[], None],
    ) -> None:
        """Calls `acknowledge` for deliveries whose dead letters are stored, then `on_stored`."""
        self._session = session
        self._database = database
        self._poison = poison
        self._reporter = reporter
        self._acknowledge = acknowledge
        self._on_stored = on_stored
        self._waiting: deque[DeadLetter] = deque()
        self._storing: asyncio.Task[None] | None = None

    def put(self, delivery: Delivery, code: str, detail: str) -> None:
        """Begins to store the message; the consumer handles the next ones meanwhile."""
        self._reporter.unreadable(code, detail)
        self._waiting.append(DeadLetter(delivery, code, detail))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_waiting())
            self._storing.add_done_callback(self._has_ended)

    async def flush(self) -> None:
        """Waits up to `FLUSH_SECONDS` for dead letters that are not stored yet."""
        if self._storing is not None:
            await asyncio.wait([self._storing], timeout=FLUSH_SECONDS)

    async def cancel(self) -> None:
        """Stops storing messages; the broker redelivers those that are not acknowledged."""
        if self._storing is not None:
            await cancelled([self._storing])

    async def _store_waiting(self) -> None:
        with contextlib.suppress(BrokerUnavailable, LeadershipLost):
            while self._waiting:
                await self._store(self._take_batch())

    def _take_batch(self) -> Sequence[DeadLetter]:
        batch: list[DeadLetter] = []
        size = 0
        while self._waiting and len(batch) < BATCH_MAXIMUM_MESSAGES and size < BATCH_MAXIMUM_BYTES:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].delivery.body)
        return batch

    async def _store(self, batch: Sequence[DeadLetter]) -> None:
        now = datetime.now(UTC)
        rows = [(_encoded_properties(item, now), item.delivery.body) for item in batch]
        reasons = [self._reason(item) for item in batch]
        deliveries = [item.delivery for item in batch]

        async def store(session: Session) -> None:
            await self._poison.clear(session, deliveries)
            # Runs again after a lost answer to COMMIT: a dead letter may then be there twice.
            await store_dead_letters(session, rows, now)
            await log_dead_letters(session, reasons, now)

        await self._database.transact(store)
        await self._acknowledge(deliveries)
        self._on_stored()

    def _reason(self, letter: DeadLetter) -> Reason:
        # Text of others: PostgreSQL stores no NUL.
        message_id = letter.delivery.properties.message_id
        return Reason(
            printable(letter.code),
            printable(letter.detail[:DETAIL_MAXIMUM_CHARACTERS]),
            self._poison.queue,
            printable(message_id) if isinstance(message_id, str) else None,
            phone_number_of(letter.delivery.body, letter.delivery.properties),
        )

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._session.fail(f"dead letters could not be stored: {error}")
            get_logger().error(Action.UNEXPECTED_ERROR, exc_info=error)


def _encoded_properties(letter: DeadLetter, now: datetime) -> bytes:
    """All properties, with the reason in the headers; few, if AMQP cannot express them as received.

    A wrong content type can be the reason: the dead letter always shows it.
    """
    publication = forwarded(letter.delivery, exchange="", routing_key=DEAD_LETTER_QUEUE)
    properties = publication.properties
    properties.delivery_mode = aio_pika.DeliveryMode.PERSISTENT
    properties.headers = {
        **(properties.headers or {}),
        "x-error-code": letter.code,
        "x-error-detail": letter.detail[:DETAIL_MAXIMUM_CHARACTERS],
        "x-failed-at": now.isoformat(),
    }
    try:
        return encode_properties(properties)
    except ValueError:
        return encode_properties(stripped(publication, DEAD_LETTER_HEADERS).properties)
