"""Lists, replays and discards the messages of the dead-letter queue."""

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
from worker.runtime.printable import on_one_line, printable
from worker.settings import Settings

__all__ = [
    "DeadLetter",
    "NoSuchDeadLetter",
    "discard",
    "find",
    "list_all",
    "render",
    "render_summary",
    "replay",
]

KEY_BYTES: Final = 5
BODY_SHOWN_CHARACTERS: Final = 160
FAILURE_HEADERS: Final = frozenset(
    {"x-error-code", "x-error-detail", "x-original-exchange", "x-original-routing-key"}
    | {"x-failed-at", "x-death", "x-delivery-count", "x-acquired-count", "x-opt-death"}
)
"""Headers that describe the failure; a replayed message does not carry them."""
BROKER_PREFIXES: Final = ("x-first-death-", "x-last-death-")


class NoSuchDeadLetter(Exception):
    """The dead-letter queue holds no message with this key."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message of the dead-letter queue."""

    message: AbstractIncomingMessage

    @property
    def key(self) -> str:
        """A short key, stable while the message stays there, and present even without an id."""
        headers = self.message.headers
        identity = (self.message.message_id, headers.get("x-failed-at"), self.message.timestamp)
        content = repr(identity).encode() + self.message.body
        return hashlib.blake2b(content, digest_size=KEY_BYTES).hexdigest()

    @property
    def origin(self) -> tuple[str, str]:
        """Exchange and routing key of its first publication."""
        headers = self.message.headers
        if "x-original-exchange" in headers:
            return str(headers["x-original-exchange"]), str(headers["x-original-routing-key"])
        death = self._death
        if death:
            return str(death["exchange"]), str(death["routing-keys"][0])
        # An unroutable message came through the alternate exchange, which keeps both.
        return self.message.exchange or "", self.message.routing_key or ""

    @property
    def reason(self) -> tuple[str, str]:
        """A code, and a detail for people."""
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

    def as_dict(self) -> dict[str, object]:
        """All of it, as plain values."""
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


async def list_all(settings: Settings) -> list[DeadLetter]:
    """All dead letters in the order of the queue; they stay there."""
    async with _opened(settings) as (_, letters):
        return letters


async def find(settings: Settings, key: str) -> DeadLetter:
    """The dead letter with this key. Raises `NoSuchDeadLetter`."""
    for letter in await list_all(settings):
        if letter.key == key:
            return letter
    raise NoSuchDeadLetter(_missing({key}))


async def replay(
    settings: Settings, keys: AbstractSet[str] | None, routing_key: str | None = None
) -> int:
    """Publishes those with these keys (None: all) as they were first, then removes them.

    Returns how many. Raises `NoSuchDeadLetter` for missing keys, after replaying the others.
    """
    async with _opened(settings) as (connection, letters):
        publisher = Publisher(connection, settings.publish_timeout_seconds, published_alone=set())

        async def send(letter: DeadLetter) -> None:
            exchange, original = letter.origin
            await publisher.send(
                _original(letter.message), exchange=exchange, routing_key=routing_key or original
            )

        return await _remove(letters, keys, after=send)


async def discard(settings: Settings, keys: AbstractSet[str] | None) -> int:
    """Removes those with these keys (None: all); returns how many. Raises like `replay`."""
    async with _opened(settings) as (_, letters):
        return await _remove(letters, keys)


def render_summary(letter: DeadLetter) -> str:
    """Two lines: its key, time and reason, and the beginning of its body."""
    facts = printable(letter.as_dict())
    body = on_one_line(letter.message.body.decode(errors="replace"))[:BODY_SHOWN_CHARACTERS]
    when = facts["failed_at"] or "-"
    return f"{letter.key}  {when}  {facts['code']}: {facts['detail']}\n    {body}"


def render(letter: DeadLetter) -> str:
    """All of it, one fact on each line, and its body, indented."""
    facts = letter.as_dict()
    body = str(facts.pop("body")).split("\n")
    lines = [
        f"{name.replace('_', ' '):<13} {value or '-'}" for name, value in printable(facts).items()
    ]
    return "\n".join([*lines, "", *(f"    {printable(line)}" for line in body)])


async def _remove(
    letters: Sequence[DeadLetter],
    keys: AbstractSet[str] | None,
    *,
    after: Callable[[DeadLetter], Awaitable[None]] | None = None,
) -> int:
    """Removes dead letters one by one, each after `after` has finished with it."""
    removed: list[str] = []
    for letter in letters:
        if keys is None or letter.key in keys:
            if after is not None:
                await after(letter)
            await letter.message.ack()
            removed.append(letter.key)
    missing = (keys or frozenset()) - set(removed)
    if missing:
        raise NoSuchDeadLetter(f"{_missing(missing)} Removed: {len(removed)}.")
    return len(removed)


def _missing(keys: AbstractSet[str]) -> str:
    return (
        f"No dead letter has the key {', '.join(sorted(keys))}."
        " `activation-worker dead-letters list` shows the keys."
    )


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[AbstractConnection, list[DeadLetter]]]:
    """All dead letters, and a connection to publish on; those not removed are requeued."""
    async with await connect(settings.amqp_urls) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(DEAD_LETTER_QUEUE, ensure=False)
        letters = []
        # Gets all of them, however few are wanted: RabbitMQ requeues behind the messages that were
        # requeued before, so that getting some would change the order each time.
        while (message := await queue.get(fail=False)) is not None:
            letters.append(DeadLetter(message))
        yield connection, letters
        # Not left to closing the channel: that requeues them in any order.
        for letter in letters:
            if not letter.message.processed:
                await letter.message.nack(requeue=True)


def _original(message: AbstractIncomingMessage) -> aio_pika.Message:
    headers = {
        name: value
        for name, value in message.headers.items()
        if name not in FAILURE_HEADERS and not name.startswith(BROKER_PREFIXES)
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
