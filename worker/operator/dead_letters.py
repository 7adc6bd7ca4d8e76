"""The dead-letter queue as people use it: look, send again, throw away."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage

from contracts.topology import DEAD_LETTER_QUEUE
from worker.broker.connection import connect
from worker.broker.publisher import Publisher
from worker.settings import Settings

__all__ = [
    "Letter",
    "NoSuchDeadLetter",
    "discard",
    "find",
    "in_full",
    "in_short",
    "look",
    "replay",
]

KEY_BYTES: Final = 5
BODY_SHOWN_CHARACTERS: Final = 160
OURS: Final = frozenset(
    {"x-error-code", "x-error-detail", "x-original-exchange", "x-original-routing-key"}
    | {"x-failed-at", "x-death", "x-delivery-count", "x-acquired-count", "x-opt-death"}
)
"""Headers that tell of the failure; they do not go along when a message is sent again."""
OF_THE_BROKER: Final = ("x-first-death-", "x-last-death-")


class NoSuchDeadLetter(Exception):
    """No dead letter has this key now."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, and what can be told of it."""

    message: AbstractIncomingMessage

    @property
    def key(self) -> str:
        """Short, the same at each look, and there even where a message has no id."""
        headers = self.message.headers
        about = (self.message.message_id, headers.get("x-failed-at"), self.message.timestamp)
        content = repr(about).encode() + self.message.body
        return hashlib.blake2b(content, digest_size=KEY_BYTES).hexdigest()

    @property
    def origin(self) -> tuple[str, str]:
        """Exchange and routing key with which it was published first."""
        headers = self.message.headers
        if "x-original-exchange" in headers:
            return str(headers["x-original-exchange"]), str(headers["x-original-routing-key"])
        death = self._death
        if death:
            return str(death["exchange"]), str(death["routing-keys"][0])
        # What no binding matched came by the alternate exchange, which leaves both as they were.
        return self.message.exchange or "", self.message.routing_key or ""

    @property
    def reason(self) -> tuple[str, str]:
        """A code, and a word for people."""
        headers = self.message.headers
        if "x-error-code" in headers:
            return str(headers["x-error-code"]), str(headers.get("x-error-detail", ""))
        death = self._death
        if death:
            return "GIVEN_UP_BY_THE_BROKER", f"{death['reason']} in queue {death['queue']}"
        return "NOT_ROUTED", f"no queue is bound for routing key {self.origin[1]!r}"

    @property
    def _death(self) -> Mapping[str, Any] | None:
        deaths: Any = self.message.headers.get("x-death")
        return deaths[0] if deaths else None

    def described(self) -> dict[str, object]:
        """Everything, as plain values."""
        code, detail = self.reason
        exchange, routing_key = self.origin
        failed_at = self.message.headers.get("x-failed-at") or (self._death or {}).get("time")
        return {
            "key": self.key,
            "failed_at": None if failed_at is None else str(failed_at),
            "code": code,
            "detail": detail,
            "exchange": exchange,
            "routing_key": routing_key,
            "message_id": self.message.message_id,
            "type": self.message.type,
            "content_type": self.message.content_type,
            "body": self.message.body.decode(errors="replace"),
        }


async def look(settings: Settings) -> list[Letter]:
    """All dead letters, as they stand in the queue; they stay there."""
    async with _box(settings) as (_, letters):
        return letters


async def find(settings: Settings, key: str) -> Letter:
    """The one with this key. Raises `NoSuchDeadLetter`."""
    for letter in await look(settings):
        if letter.key == key:
            return letter
    raise NoSuchDeadLetter(_missing({key}))


async def replay(
    settings: Settings, keys: AbstractSet[str] | None, routing_key: str | None = None
) -> int:
    """Publishes them again as they came, and takes them out; how many. None for all.

    Raises `NoSuchDeadLetter` after the others were done.
    """
    async with _box(settings) as (connection, letters):
        publisher = Publisher(connection, settings.publish_timeout_seconds, alone=set())

        async def send(letter: Letter) -> None:
            exchange, original = letter.origin
            await publisher.send(
                _as_it_came(letter.message), exchange=exchange, routing_key=routing_key or original
            )

        return await _clear(letters, keys, send)


async def discard(settings: Settings, keys: AbstractSet[str] | None) -> int:
    """Takes them out for good; how many. None for all. Raises like `replay`."""

    async def nothing(_: Letter) -> None:
        return None

    async with _box(settings) as (_, letters):
        return await _clear(letters, keys, nothing)


def in_short(letter: Letter) -> str:
    """Two lines for people."""
    told = letter.described()
    body = " ".join(str(told["body"]).split())[:BODY_SHOWN_CHARACTERS]
    return f"{letter.key}  {told['failed_at'] or '-'}  {told['code']}: {told['detail']}\n    {body}"


def in_full(letter: Letter) -> str:
    """All of it, for people."""
    told = letter.described()
    body = told.pop("body")
    facts = [f"{name.replace('_', ' '):<13} {value or '-'}" for name, value in told.items()]
    return "\n".join([*facts, "", str(body)])


async def _clear(
    letters: Sequence[Letter],
    keys: AbstractSet[str] | None,
    first: Callable[[Letter], Awaitable[None]],
) -> int:
    """Takes letters out one by one, each after `first` has been done with it."""
    cleared: list[str] = []
    for letter in letters:
        if keys is None or letter.key in keys:
            await first(letter)
            await letter.message.ack()
            cleared.append(letter.key)
    missing = (keys or frozenset()) - set(cleared)
    if missing:
        raise NoSuchDeadLetter(f"{_missing(missing)} Cleared: {len(cleared)}.")
    return len(cleared)


def _missing(keys: AbstractSet[str]) -> str:
    return (
        f"There is no dead letter with the key {', '.join(sorted(keys))}."
        " `activation-worker dead-letters list` shows those that are there."
    )


@asynccontextmanager
async def _box(settings: Settings) -> AsyncIterator[tuple[AbstractConnection, list[Letter]]]:
    """All dead letters, and a connection to publish on; those not taken out go back."""
    async with await connect(settings.amqp_urls) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(DEAD_LETTER_QUEUE, ensure=False)
        letters = []
        # All of them, however few are wanted: what is returned goes behind what was returned
        # before, so that taking only some would change their order at each look.
        while (message := await queue.get(fail=False)) is not None:
            letters.append(Letter(message))
        yield connection, letters
        # Not left to the closing channel: that puts them back in any order.
        for letter in letters:
            if not letter.message.processed:
                await letter.message.nack(requeue=True)


def _as_it_came(message: AbstractIncomingMessage) -> aio_pika.Message:
    headers = {
        name: value
        for name, value in message.headers.items()
        if name not in OURS and not name.startswith(OF_THE_BROKER)
    }
    return aio_pika.Message(
        message.body,
        headers=headers,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        priority=message.priority,
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
        message_id=message.message_id,
        timestamp=message.timestamp,
        type=message.type,
        app_id=message.app_id,
    )
