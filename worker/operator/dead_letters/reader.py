"""Reads the dead-letter queue without returning a message to it.

RabbitMQ counts a returned message as delivered, and drops it when a policy sets a delivery limit.
So each message that stays is published again at the end of the queue, and then acknowledged. A
marker at the end shows where this pass began. A full queue takes fewer messages than it holds: the
surplus moves to the database, from where a worker puts it back when there is room.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import uuid4

from activation_contracts.catalogue import (
    COMMAND_EXCHANGE,
    DIRECTORY_EXCHANGE,
    DIRECTORY_QUEUE,
    REPORT_QUEUE,
    RESULT_EXCHANGE,
    RESULT_QUEUE,
)
from activation_contracts.dead_letters import DeadLetterCode
from activation_contracts.topology import DEAD_LETTER_QUEUE, UNROUTED_COMMANDS
from aiormq import spec

from worker.broker.connecting.answers import answered
from worker.broker.connecting.connection import channel_on, connect
from worker.broker.delivery import Delivery
from worker.broker.forwarding import (
    DEAD_LETTER_HEADERS,
    ORIGIN,
    cut_to_fit,
    forwarded,
    stripped,
)
from worker.broker.partition_queues import SOURCES, is_partition_queue
from worker.broker.phone_numbers import phone_number_of
from worker.broker.publishing.confirm_channel import NotPublished, QueueRefused, Unencodable
from worker.broker.publishing.publication import Publication, without_instructions
from worker.broker.publishing.publisher import Publisher
from worker.broker.topology import require_queue
from worker.operator.dead_letters.overflow import Overflow
from worker.settings import Settings
from worker.storage.connecting.errors import reason_of
from worker.storage.gauges import DATABASE_FAILURES

if TYPE_CHECKING:
    from aiormq import Channel

__all__ = [
    "FAILURE_HEADERS",
    "DeadLetterReader",
    "DeadLettersNotKept",
    "QueuedDeadLetter",
    "open_queue",
]

KEY_BYTES: Final = 5
WORKER_QUEUES: Final = frozenset({*SOURCES, REPORT_QUEUE, RESULT_QUEUE, DIRECTORY_QUEUE})
FAILURE_HEADERS: Final = frozenset({*DEAD_LETTER_HEADERS, "x-death", "x-opt-death"})
"""Headers that describe the failure; a replayed message does not carry them."""
MOVED_TOGETHER: Final = 32
MOVED_TOGETHER_BYTES: Final = 1_000_000
CHANNELS_TRIED: Final = 2
MARKER_RETURNS_TRIES: Final = 50
MARKER_RETURNS_SECONDS: Final = 0.1
DELIVERY_COUNTS: Final = frozenset({"x-delivery-count", "x-acquired-count"})
MARKER: Final = "x-dead-letters-read-from-here"
MARKER_LASTS: Final = timedelta(hours=1)
"""A marker of this age is left over from a command that was killed."""


class DeadLettersNotKept(Exception):
    """Copies of the dead letters can be kept nowhere, so they cannot be read without a loss."""


@dataclass(frozen=True, slots=True)
class QueuedDeadLetter:
    """A message of the dead-letter queue, as its copy at the end of the queue."""

    publication: Publication

    @property
    def headers(self) -> Mapping[str, Any]:
        """Its headers, with its origin and, except for an unroutable message, the reason."""
        return self.publication.properties.headers or {}

    @property
    def key(self) -> str:
        """A short key, stable while the message stays there."""
        properties = self.publication.properties
        identity = (properties.message_id, self.headers.get("x-failed-at"), properties.timestamp)
        content = repr(identity).encode() + self.publication.body
        return hashlib.blake2b(content, digest_size=KEY_BYTES).hexdigest()

    @property
    def origin(self) -> tuple[str, str]:
        """Exchange and routing key of its first publication."""
        exchange, routing_key = (str(self.headers[name]) for name in ORIGIN)
        return exchange, routing_key

    @property
    def phone_number(self) -> str | None:
        """The number that its body names; None if it cannot be read."""
        return phone_number_of(self.publication.body, self.publication.properties)

    @property
    def can_be_replayed(self) -> bool:
        """Whether its origin leads to a worker: its publisher must not choose any other queue."""
        exchange, routing_key = self.origin
        own = routing_key in WORKER_QUEUES or is_partition_queue(routing_key)
        return bool(exchange) or own

    @property
    def reason(self) -> tuple[str, str]:
        """A code, and a detail for people."""
        if "x-error-code" in self.headers:
            return str(self.headers["x-error-code"]), str(self.headers.get("x-error-detail", ""))
        return DeadLetterCode.NOT_ROUTED, f"no queue is bound for routing key {self.origin[1]!r}"

    def as_dict(self) -> dict[str, object]:
        """All of it, as plain values."""
        code, detail = self.reason
        exchange, routing_key = self.origin
        failed_at = self.headers.get("x-failed-at")
        properties = self.publication.properties
        return {
            "key": self.key,
            "failed_at": None if failed_at is None else str(failed_at),
            "code": code,
            "detail": detail,
            "exchange": exchange,
            "routing_key": routing_key,
            "message_id": properties.message_id,
            "type": properties.message_type,
            "content_type": properties.content_type,
            "body": self.publication.body.decode(errors="replace"),
        }


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
                yield QueuedDeadLetter(_copy(delivery))
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
            await self.keep(QueuedDeadLetter(_copy(self._current)))
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


def _copy(delivery: Delivery) -> Publication:
    """The message for the end of the queue, with origin and reason in the headers.

    What the headers already say of both counts only if a worker or such a copy wrote it: the
    broker's own dead letters, and unroutable messages, carry the headers of their publisher.
    """
    copy = forwarded(delivery, exchange=UNROUTED_COMMANDS, routing_key="")
    headers = {
        name: value
        for name, value in without_instructions(delivery.headers).items()
        if name not in DELIVERY_COUNTS
    }
    if not _is_described(delivery):
        headers = {name: headers[name] for name in headers if name not in DEAD_LETTER_HEADERS}
        headers |= _description(delivery)
    copy.properties.headers = headers
    return copy


def _is_described(delivery: Delivery) -> bool:
    headers = delivery.headers
    return (
        delivery.exchange in {"", UNROUTED_COMMANDS}
        and "x-death" not in headers
        and all(name in headers for name in ORIGIN)
    )


def _description(delivery: Delivery) -> dict[str, str]:
    """Origin and, unless it was unroutable, reason of a message that no worker put there."""
    if delivery.exchange:
        return dict(zip(ORIGIN, (delivery.exchange, delivery.routing_key), strict=True))
    death = _latest_death(delivery.headers)
    queue = str(death.get("queue", ""))
    return {
        **dict(zip(ORIGIN, _first_published(delivery, queue, death), strict=True)),
        "x-error-code": DeadLetterCode.GIVEN_UP_BY_THE_BROKER.value,
        "x-error-detail": f"{death.get('reason', 'unknown reason')} in queue {queue or 'unknown'}",
        **({"x-failed-at": str(death["time"])} if "time" in death else {}),
    }


def _latest_death(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    """The broker's latest entry; empty if its header cannot be read."""
    deaths = headers.get("x-death")
    latest = deaths[0] if isinstance(deaths, list) and deaths else {}
    return latest if isinstance(latest, dict) else {}


def _first_published(delivery: Delivery, queue: str, death: Mapping[str, Any]) -> tuple[str, str]:
    # Only queue and reason are surely the broker's: the rest of an entry for the same queue and
    # reason is kept from the publisher, who may not choose where a replay goes.
    keys = death.get("routing-keys")
    routing_key = cut_to_fit(str(keys[0])) if isinstance(keys, list) and keys else None
    if queue == RESULT_QUEUE:
        return RESULT_EXCHANGE, routing_key or ""
    if queue == DIRECTORY_QUEUE:
        return DIRECTORY_EXCHANGE, routing_key or ""
    if queue in {*SOURCES, REPORT_QUEUE}:
        return COMMAND_EXCHANGE, routing_key or ""
    if is_partition_queue(queue):
        # The router has written what it took from the command queue.
        return COMMAND_EXCHANGE, str(delivery.headers.get(ORIGIN[1], ""))
    return "", queue


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
