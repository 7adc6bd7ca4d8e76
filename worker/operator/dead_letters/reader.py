"""Reads the dead-letter queue without returning a message to it.

RabbitMQ counts a returned message as delivered, and drops it when a policy sets a delivery limit.
So each message that stays is published again at the end of the queue, and then acknowledged. A
marker at the end shows where this pass began. A full queue takes fewer messages than it holds: the
surplus moves to the database, from where a worker puts it back when there is room.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import uuid4

from activation_contracts.topology import DEAD_LETTER_QUEUE, UNROUTED_COMMANDS
from aiormq import spec

from worker.broker.connecting.answers import answered
from worker.broker.connecting.connection import channel_on, connect
from worker.broker.delivery import Delivery
from worker.broker.forwarding import (
    DEAD_LETTER_HEADERS,
    ORIGIN,
    stripped,
)
from worker.broker.publishing.confirm_channel import NotPublished, QueueRefused, Unencodable
from worker.broker.publishing.publication import Publication
from worker.broker.publishing.publisher import Publisher
from worker.broker.topology import require_queue
from worker.operator.dead_letters.overflow import Overflow
from worker.operator.dead_letters.queued import QueuedDeadLetter, copy_of
from worker.settings import Settings
from worker.storage.connecting.errors import reason_of
from worker.storage.gauges import DATABASE_FAILURES

if TYPE_CHECKING:
    from aiormq import Channel

__all__ = [
    "DeadLetterReader",
    "DeadLettersNotKept",
    "open_queue",
]

MOVED_TOGETHER: Final = 32
MOVED_TOGETHER_BYTES: Final = 1_000_000
CHANNELS_TRIED: Final = 2
MARKER_RETURNS_TRIES: Final = 50
MARKER_RETURNS_SECONDS: Final = 0.1
MARKER: Final = "x-dead-letters-read-from-here"
MARKER_LASTS: Final = timedelta(hours=1)
"""A marker of this age is left over from a command that was killed."""


class DeadLettersNotKept(Exception):
    """Copies of the dead letters can be kept nowhere, so they cannot be read without a loss."""


class DeadLetterReader:
    """Goes once through the dead-letter queue, one message at a time."""

    def __init__(self, channel: "Channel", publisher: Publisher, overflow: Overflow) -> None:
        self._channel = channel
        self.publisher = publisher
        self._overflow = overflow
        self._is_marked = False
        self._current: Delivery | None = None
        self._keeping: list[tuple[Delivery, Publication]] = []
        self._kept = 0

    async def letters(self, *, marked: bool = True) -> AsyncIterator[QueuedDeadLetter]:
        """Each message that is there now; `keep` or `remove` it before the next.

        Without `marked` it also yields messages that arrive meanwhile: remove each of them. Raises
        `DeadLettersNotKept`.
        """
        marker = uuid4().hex
        turned = 0
        if marked:
            await self._mark(marker)
            if not self._is_marked:
                await self._require_overflow()
        while (delivery := await self._next()) is not None:
            self._current = delivery
            if delivery.properties.message_id == marker:
                await self._flush()
                await self.remove()
                await self._move(turned)
                return
            if marked and not self._is_marked:
                # The message that was taken has left a place.
                await self._mark(marker)
            if not _is_marker(delivery):
                yield QueuedDeadLetter(copy_of(delivery))
            elif not marked or _is_left_over(delivery):
                # An unmarked pass ends only with an empty queue. What stands before the marker of
                # a command that was killed belongs behind what stands after it.
                turned = self._kept
                await self.remove()
            else:
                # That of a command that runs at the same time.
                await self.keep(
                    QueuedDeadLetter(Publication(UNROUTED_COMMANDS, "", delivery.properties, b""))
                )
        await self._flush()

    async def _mark(self, marker: str) -> None:
        """Places the marker of this pass at the end of the queue, if the queue is not full."""
        with contextlib.suppress(QueueRefused):
            await self._publish(_marker(marker))
            self._is_marked = True

    async def keep(self, letter: QueuedDeadLetter) -> None:
        """Moves the current message to the end of the queue, behind those that were kept before.

        A few are moved together: each alone would cost a write to disk. While the queue is too full
        for the marker, they move to the database: this pass would find a copy once more. Raises
        `DeadLettersNotKept`.
        """
        if self._current is None:
            return
        ids = {publication.properties.message_id for _, publication in self._keeping}
        if letter.publication.properties.message_id in ids:
            # The broker tells which message it returns by the id.
            await self._flush()
        self._keeping.append((self._current, letter.publication))
        self._current = None
        self._kept += 1
        held_bytes = sum(len(publication.body) for _, publication in self._keeping)
        if len(self._keeping) == MOVED_TOGETHER or held_bytes > MOVED_TOGETHER_BYTES:
            await self._flush()

    async def remove(self) -> None:
        """Removes the current message."""
        if self._current is not None:
            await answered(self._current.acknowledge())
        self._current = None

    async def _flush(self) -> None:
        if not self._is_marked:
            await self._store()
        # To a channel that a full queue has refused, it stays full: the next one may find a place.
        idle = 0
        while self._keeping and idle < CHANNELS_TRIED:
            idle = 0 if await self._publish_kept() else idle + 1
        while self._keeping:
            # Alone: either it can be changed so that the queue takes it, or the error says why not.
            delivery, publication = self._keeping[0]
            try:
                await self._publish(publication)
            except QueueRefused:
                await self._store()
                break
            await answered(delivery.acknowledge())
            del self._keeping[0]

    async def _publish_kept(self) -> int:
        """Moves those that the queue takes; returns how many."""
        moved, self._keeping = self._keeping, []
        problems = await self.publisher.send_together([publication for _, publication in moved])
        pairs = list(zip(moved, problems, strict=True))
        self._keeping = [item for item, problem in pairs if problem is not None]
        for (delivery, _), problem in pairs:
            if problem is None:
                await answered(delivery.acknowledge())
        return len(moved) - len(self._keeping)

    async def _store(self) -> None:
        """Moves what is kept to the database."""
        if not self._keeping:
            return
        letters = [publication for _, publication in self._keeping]
        if any(_marks(letter.properties.headers or {}) for letter in letters):
            raise DeadLettersNotKept(
                "Another command reads the dead-letter queue, which is full: run this one again"
                " when the other has ended."
            )
        await self._overflow.store(letters)
        for delivery, _ in self._keeping:
            await answered(delivery.acknowledge())
        self._keeping = []

    async def _move(self, count: int) -> None:
        """Moves this number of messages to the end of the queue."""
        for _ in range(count):
            self._current = await self._get()
            if self._current is None:
                break
            await self.keep(QueuedDeadLetter(copy_of(self._current)))
        await self._flush()

    async def put_back(self) -> None:
        """Returns the messages that an error has left; the broker counts that."""
        left = [delivery for delivery, _ in self._keeping]
        for delivery in (*left, *([self._current] if self._current else [])):
            await answered(self._channel.basic_nack(delivery.tag, requeue=True))

    async def _next(self) -> Delivery | None:
        """The next message; None if the marker is gone, because another command has removed it."""
        if not self._is_marked:
            return await self._get()
        for _ in range(MARKER_RETURNS_TRIES):
            delivery = await self._get()
            if delivery is not None:
                return delivery
            # A command that runs at the same time holds the marker, and will move it.
            await self._flush()
            await asyncio.sleep(MARKER_RETURNS_SECONDS)
        return None

    async def _get(self) -> Delivery | None:
        got = await answered(self._channel.basic_get(DEAD_LETTER_QUEUE))
        return None if isinstance(got.delivery, spec.Basic.GetEmpty) else Delivery(got)

    async def _publish(self, publication: Publication) -> None:
        """Publishes one alone. Raises `QueueRefused` if the queue is full."""
        try:
            try:
                await self.publisher.send_unchanged(publication)
            except Unencodable:
                headers = publication.properties.headers or {}
                kept = [name for name in DEAD_LETTER_HEADERS if name in headers]
                await self.publisher.send_unchanged(stripped(publication, kept))
        except QueueRefused:
            raise
        except NotPublished as error:
            raise DeadLettersNotKept(
                f"The dead-letter queue takes no messages: {error}. Reading a message moves it to"
                " the end of the queue, so that no delivery limit destroys it. Grant the right to"
                f" write to exchange {UNROUTED_COMMANDS!r}."
            ) from error

    async def _require_overflow(self) -> None:
        try:
            await self._overflow.require()
        except DATABASE_FAILURES as error:
            raise DeadLettersNotKept(
                "The dead-letter queue is full. Messages that stay move to its end, and those that"
                f" it does not take back move to the database, which cannot be used:"
                f" {reason_of(error)}. Set DATABASE_URL as for a worker; or let an administrator"
                " remove the policy that limits the queue."
            ) from error


@asynccontextmanager
async def open_queue(settings: Settings, overflow: Overflow) -> AsyncIterator[DeadLetterReader]:
    """The dead-letter queue, for one pass."""
    # A broker that is short of memory or disk reads nothing from a connection that publishes.
    async with (
        await connect(settings.amqp_urls) as connection,
        await connect(settings.amqp_urls) as publishing,
    ):
        await require_queue(connection, DEAD_LETTER_QUEUE)
        channel = await channel_on(connection, publisher_confirms=False)
        underlay = cast("Channel", await channel.get_underlay_channel())
        publisher = Publisher(
            publishing,
            settings.publish_timeout_seconds,
            published_alone=set(),
            waits_while_blocked=False,
        )
        reader = DeadLetterReader(underlay, publisher, overflow)
        try:
            yield reader
        except BaseException:
            with contextlib.suppress(Exception):
                await reader.put_back()
            raise


def _marker(message_id: str) -> Publication:
    properties = spec.Basic.Properties(
        headers={MARKER: True}, message_id=message_id, timestamp=datetime.now(UTC), delivery_mode=2
    )
    return Publication(UNROUTED_COMMANDS, "", properties, b"")


def _is_marker(delivery: Delivery) -> bool:
    return delivery.exchange == UNROUTED_COMMANDS and _marks(delivery.headers)


def _marks(headers: Mapping[str, Any]) -> bool:
    # A dead letter with the same header comes from another exchange, and its copy has an origin.
    return MARKER in headers and headers.keys().isdisjoint(ORIGIN)


def _is_left_over(marker: Delivery) -> bool:
    placed_at = marker.properties.timestamp
    return placed_at is None or datetime.now(UTC) - placed_at > MARKER_LASTS
