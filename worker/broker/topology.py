"""Declares the exchanges and queues of the contracts, and explains what the broker refuses."""

from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, TypeVar

import aio_pika
from activation_contracts.topology import (
    DEAD_LETTER_EXCHANGES,
    DEAD_LETTER_QUEUE,
    EVENT_LOG,
    EXCHANGES,
    QUEUES,
    Binding,
    Exchange,
    Queue,
    event_log,
)
from aio_pika.abc import AbstractConnection, AbstractQueue
from aio_pika.exceptions import (
    ChannelClosed,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)
from aiormq.exceptions import ChannelAccessRefused

from worker.broker.connecting.answers import answered
from worker.broker.connecting.connection import BrokerUnavailable, channel_on

__all__ = [
    "RETENTION",
    "NoRoom",
    "TopologyMismatch",
    "declare",
    "declare_dead_letter_queue",
    "declare_event_log",
    "declare_exchange",
    "declare_queue",
    "missing_names",
    "require_dead_letter_queue",
    "require_exchange",
    "require_queue",
    "verified",
    "verify",
    "verify_event_log",
]

Result = TypeVar("Result")

INEQUIVALENT: Final = "inequivalent arg"
"""How the broker begins to say that something exists with other properties."""

FULL: Final = "queue limit in "
"""In the text of a refusal because a virtual host or a cluster has its maximum of queues."""

DOWN: Final = "is down or inaccessible"
"""How the broker ends to say that it, or the node of a queue, has not started completely."""

RETENTION: Final = ("x-max-age", "x-stream-max-segment-size-bytes")
"""The arguments of the event log that say how long it keeps events."""


class TopologyMismatch(Exception):
    """The broker has refused a declaration; the text says why, and what to do."""


class NoRoom(TopologyMismatch):
    """The broker may have no more queues."""


async def declare(connection: AbstractConnection) -> None:
    """Creates missing exchanges and queues and verifies existing ones, which it never changes.

    Raises `TopologyMismatch`, which names the difference.
    """
    await _declare(connection, EXCHANGES, QUEUES)


async def declare_event_log(connection: AbstractConnection, days: int) -> str | None:
    """Creates the event log, or binds the existing one. Raises `TopologyMismatch`.

    RabbitMQ cannot change how long a stream keeps events. If an existing one keeps them for another
    time, that is no error: returns a sentence about it.
    """
    return await verified(_declare_stream(connection, event_log(days)), f"queue {EVENT_LOG!r}")


async def declare_dead_letter_queue(connection: AbstractConnection) -> None:
    """Like `declare`, for the dead-letter queue and the exchanges before it alone."""
    queues = [queue for queue in QUEUES if queue.name == DEAD_LETTER_QUEUE]
    await _declare(connection, DEAD_LETTER_EXCHANGES, queues)


async def require_dead_letter_queue(connection: AbstractConnection) -> None:
    """Raises `TopologyMismatch` if the dead-letter queue or an exchange before it is missing.

    A missing binding is not visible.
    """
    try:
        for exchange in DEAD_LETTER_EXCHANGES:
            await require_exchange(connection, exchange.name)
        await require_queue(connection, DEAD_LETTER_QUEUE)
    except ChannelNotFoundEntity as error:
        message = f"{error}. Run `activation-worker topology`."
        raise TopologyMismatch(message) from None


async def missing_names(
    connection: AbstractConnection, exchanges: Iterable[Exchange], queues: Iterable[Queue]
) -> set[str]:
    """The names of those that do not exist; what this user may not look at counts as existing."""
    missing = set[str]()
    for require, items in ((require_exchange, exchanges), (require_queue, queues)):
        for item in items:
            try:
                await require(connection, item.name)
            except ChannelNotFoundEntity:
                missing.add(item.name)
    return missing


async def _declare(
    connection: AbstractConnection, exchanges: Sequence[Exchange], queues: Sequence[Queue]
) -> None:
    for exchange in exchanges:
        await verified(declare_exchange(connection, exchange), f"exchange {exchange.name!r}")
    for queue in queues:
        await verified(declare_queue(connection, queue), f"queue {queue.name!r}")


async def verify(
    connection: AbstractConnection,
    exchanges: Sequence[Exchange] = EXCHANGES,
    queues: Sequence[Queue] = QUEUES,
    *,
    command: str = "topology",
) -> Sequence[str]:
    """Raises `TopologyMismatch` if an exchange or a queue exists with other properties.

    It makes no bindings. Each of them must exist: what is missing would be created. Returns the
    names of those that this user may not declare, whose properties it cannot see.
    """
    unseen: list[str] = []
    for exchange in exchanges:
        what = f"exchange {exchange.name!r}"
        try:
            await _matching(declare_exchange(connection, exchange), what, command=command)
        except ChannelAccessRefused:
            unseen.append(exchange.name)
    for queue in queues:
        declaration = declare_queue(connection, replace(queue, bindings=()))
        try:
            await _matching(declaration, f"queue {queue.name!r}", command=command)
        except ChannelAccessRefused:
            unseen.append(queue.name)
    return unseen


async def verify_event_log(connection: AbstractConnection, days: int) -> str | None:
    """Like `verify`, for the event log; returns what `declare_event_log` would."""
    log = replace(event_log(days), bindings=())
    with suppress(ChannelAccessRefused):
        declaration = _declare_stream(connection, log)
        return await _matching(declaration, f"queue {EVENT_LOG!r}", command="topology")
    return None


async def _declare_stream(connection: AbstractConnection, log: Queue) -> str | None:
    try:
        await declare_queue(connection, log)
    except ChannelPreconditionFailed as error:
        if not any(f"{INEQUIVALENT} {name!r}" in str(error) for name in RETENTION):
            raise
        async with await channel_on(connection) as channel:
            await _bind(await channel.get_queue(log.name, ensure=False), log.bindings)
        return (
            "The event log exists with another retention than WORKER_EVENT_LOG_DAYS says, and keeps"
            f" it. The broker says: {error}."
        )
    return None


async def verified(
    declaration: Awaitable[Result], what: str, *, command: str = "topology"
) -> Result:
    """Awaits a declaration. Raises `TopologyMismatch`, which names the command to repeat.

    Raises `NoRoom` if the broker may have no more queues.

    Raises `BrokerUnavailable` while a node is starting: it listens before its streams can be used.
    """
    try:
        return await _matching(declaration, what, command=command)
    except ChannelClosed as error:
        if DOWN in str(error):
            raise BrokerUnavailable(str(error)) from None
        message = (
            f"The {what} could not be declared. The broker says: {error}. Let a user with"
            f" configure permission run `activation-worker {command}`, and start the worker with"
            " WORKER_DECLARE_TOPOLOGY=false."
        )
        raise TopologyMismatch(message) from None


async def _matching(declaration: Awaitable[Result], what: str, *, command: str) -> Result:
    try:
        return await declaration
    except ChannelPreconditionFailed as error:
        if INEQUIVALENT in str(error):
            message = (
                f"The {what} exists with other properties. The broker says: {error}. Nothing was"
                f" changed. Empty it, delete it and run `activation-worker {command}` again."
            )
        elif FULL in str(error):
            raise NoRoom(
                f"The {what} could not be declared. The broker says: {error}. Raise max-queues"
                " (`rabbitmqctl set_vhost_limits`), or delete other queues, and run"
                f" `activation-worker {command}` again."
            ) from None
        else:
            message = (
                f"The {what} could not be declared. The broker says: {error}. Change that in the"
                f" broker and run `activation-worker {command}` again."
            )
        raise TopologyMismatch(message) from None


async def declare_exchange(connection: AbstractConnection, exchange: Exchange) -> None:
    """Creates or verifies an exchange."""
    # On a channel of its own: the broker closes the channel of a declaration that does not match.
    async with await channel_on(connection) as channel:
        declaration = channel.declare_exchange(
            exchange.name,
            aio_pika.ExchangeType(exchange.kind),
            durable=True,
            arguments=dict(exchange.arguments),
        )
        await answered(declaration)


async def declare_queue(connection: AbstractConnection, queue: Queue) -> None:
    """Creates or verifies a queue with its bindings."""
    async with await channel_on(connection) as channel:
        declaration = channel.declare_queue(
            queue.name, durable=True, arguments=dict(queue.arguments)
        )
        declared = await answered(declaration)
        await _bind(declared, queue.bindings)


async def _bind(declared: AbstractQueue, bindings: Iterable[Binding]) -> None:
    for binding in bindings:
        await answered(declared.bind(binding.exchange, binding.routing_key))


async def require_exchange(connection: AbstractConnection, name: str) -> None:
    """Raises `ChannelNotFoundEntity` if the exchange is missing."""
    # A channel for each: the broker closes a channel on which a declaration fails. Some series of
    # RabbitMQ only let a user look who may declare.
    with suppress(ChannelAccessRefused):
        async with await channel_on(connection) as channel:
            await answered(channel.declare_exchange(name, passive=True))


async def require_queue(connection: AbstractConnection, name: str) -> None:
    """Raises `ChannelNotFoundEntity` if the queue is missing."""
    with suppress(ChannelAccessRefused):
        async with await channel_on(connection) as channel:
            await answered(channel.declare_queue(name, passive=True))
