"""RabbitMQ: connections built from scratch, never repaired by the library."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.connection import make_url
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError
from aiormq.abc import ExceptionType
from aiormq.base import FutureStore
from aiormq.exceptions import ChannelAccessRefused

from worker.broker.tolerant_decoding import decode_tolerantly
from worker.runtime.concurrency import uninterrupted

__all__ = [
    "CONNECTION_ERRORS",
    "CONNECT_TIMEOUT_SECONDS",
    "BrokerUnavailable",
    "channel_on",
    "connect",
    "ready_messages",
]

CONNECT_TIMEOUT_SECONDS: Final = 10
"""A broker that accepts TCP but does not speak (booting, frozen) would be waited for for ever."""
HEARTBEAT_SECONDS: Final = 10
"""A dead peer is noticed after about three heartbeats; the library's default takes 3 minutes.
A URL that names its own (`?heartbeat=5`) has its way."""
CONNECTION_ERRORS: Final = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)
"""What the library raises when a connection or a channel is gone, or does not answer."""


class BrokerUnavailable(Exception):
    """No node of the broker can be used now; the text says which were tried and why."""


async def connect(urls: Sequence[str]) -> AbstractConnection:
    """A connection to the first node that answers. Raises `BrokerUnavailable` when none does."""
    problems = []
    for url in urls:
        try:
            return await _connect(url)
        except CONNECTION_ERRORS as error:
            parts = urlsplit(url)
            reason = str(error) or type(error).__name__
            problems.append(f"{parts.hostname}:{parts.port or 5672}{parts.path}: {reason}")
    raise BrokerUnavailable("; ".join(problems))


async def _connect(url: str) -> AbstractConnection:
    decode_tolerantly()
    _name_every_end()
    asked = parse_qs(urlsplit(url).query).get("heartbeat", [str(HEARTBEAT_SECONDS)])
    connection = aio_pika.Connection(make_url(url, heartbeat=asked[0]))
    try:
        await connection.connect(timeout=CONNECT_TIMEOUT_SECONDS)
    except StopAsyncIteration as error:
        # The library's word for a peer that hangs up before it has said anything.
        await connection.close()
        raise ConnectionResetError("the connection ended in the middle of its opening") from error
    except BaseException:
        # One that never opened still counts as open: its finalizer would start a task to close
        # it, in whatever thread the garbage collector happens to run.
        await connection.close()
        raise
    return connection


def _name_every_end() -> None:
    """Whoever waits while a connection ends without a word is told so, by a connection error.

    The library raises a bare `Exception` where the end came between two frames, which nobody can
    tell from a defect: a worker ended over it, its connection cut while it declared.
    """
    FutureStore.reject_all = _reject_all  # type: ignore[method-assign]  # there is no hook for it


def _reject_all(store: FutureStore, error: ExceptionType | None) -> Awaitable[None]:
    return _LIBRARY_REJECT_ALL(store, error or ConnectionResetError("the connection has ended"))


_LIBRARY_REJECT_ALL = FutureStore.reject_all


async def channel_on(connection: AbstractConnection, **options: bool) -> AbstractChannel:
    """A new channel. Raises `BrokerUnavailable` where the connection is lost, or while it is."""
    try:
        return await connection.channel(**options)
    except (
        *CONNECTION_ERRORS,
        RuntimeError,
    ) as error:  # the library's word for a closed connection
        raise BrokerUnavailable(str(error) or type(error).__name__) from error


async def ready_messages(connection: AbstractConnection, queue: str) -> int:
    """How many wait in the queue; none where this user may not look. Raises `BrokerUnavailable`."""
    # Cancelled in the middle, the library may take no notice, or lose the whole connection.
    return await uninterrupted(_ready_messages(connection, queue))


async def _ready_messages(connection: AbstractConnection, queue: str) -> int:
    try:
        # A channel of its own: on one that knows the queue the library answers from memory.
        async with (
            asyncio.timeout(CONNECT_TIMEOUT_SECONDS),
            await channel_on(connection) as channel,
        ):
            found = await channel.declare_queue(queue, passive=True)
            return found.declaration_result.message_count or 0
    except ChannelAccessRefused:
        return 0
    except CONNECTION_ERRORS as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error
