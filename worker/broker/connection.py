"""Connects to RabbitMQ; a lost connection is replaced by a new one, never repaired."""

from collections.abc import Awaitable, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.connection import make_url
from aiormq.abc import ExceptionType
from aiormq.base import FutureStore
from aiormq.exceptions import ChannelAccessRefused

from worker.broker.answers import (
    CONNECTION_ERRORS,
    BrokerUnavailable,
    LimitedConnection,
    answered,
)
from worker.broker.tolerant_decoding import decode_tolerantly
from worker.runtime.concurrency import uninterrupted

__all__ = [
    "CONNECTION_ERRORS",
    "BrokerUnavailable",
    "channel_on",
    "connect",
    "ready_messages",
]

HEARTBEAT_SECONDS: Final = 10
"""A dead peer is detected after about three heartbeats; the library's default takes 3 minutes.
A URL may set its own (`?heartbeat=5`)."""


async def connect(urls: Sequence[str]) -> AbstractConnection:
    """Connects to the first node that answers. Raises `BrokerUnavailable` when none does."""
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
    _replace_bare_exceptions()
    (heartbeat, *_) = parse_qs(urlsplit(url).query).get("heartbeat", [str(HEARTBEAT_SECONDS)])
    connection = LimitedConnection(make_url(url, heartbeat=heartbeat))
    try:
        await connection.connect()
    except StopAsyncIteration as error:
        # The library raises this for a peer that closes the connection before it sends anything.
        await connection.close()
        raise ConnectionResetError("the connection ended while it was opened") from error
    except BaseException:
        # A connection that never opened still counts as open: its finalizer would start a task to
        # close it, in the thread in which the garbage collector happens to run.
        await connection.close()
        raise
    return connection


def _replace_bare_exceptions() -> None:
    """Makes the library raise `ConnectionResetError` when a connection ends between two frames.

    aiormq rejects all pending calls with a bare `Exception` then. No caller can tell that from a
    defect: a worker ended when its connection was cut during a declaration. aiormq 7.2 has no hook
    for it: a `transport_factory` could wrap the reader, but aio-pika does not pass one on.
    """
    FutureStore.reject_all = _reject_all  # type: ignore[method-assign]


def _reject_all(store: FutureStore, error: ExceptionType | None) -> Awaitable[None]:
    return _LIBRARY_REJECT_ALL(store, error or ConnectionResetError("the connection has ended"))


_LIBRARY_REJECT_ALL = FutureStore.reject_all


async def channel_on(connection: AbstractConnection, **options: bool) -> AbstractChannel:
    """Opens a channel. Raises `BrokerUnavailable` if the connection is lost."""
    try:
        return await connection.channel(**options)
    # The library raises RuntimeError for a closed connection.
    except (*CONNECTION_ERRORS, RuntimeError) as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error


async def ready_messages(connection: AbstractConnection, queue: str) -> int:
    """The number of messages that wait in the queue; 0 if this user has no permission to read it.

    Raises `BrokerUnavailable`.
    """
    # The library may ignore a cancellation during this call, or lose the whole connection by it.
    return await uninterrupted(_ready_messages(connection, queue))


async def _ready_messages(connection: AbstractConnection, queue: str) -> int:
    try:
        # A new channel: on one that has declared the queue before, the library answers from memory.
        async with await channel_on(connection) as channel:
            declared = await answered(channel.declare_queue(queue, passive=True))
            return declared.declaration_result.message_count or 0
    except ChannelAccessRefused:
        return 0
    except CONNECTION_ERRORS as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error
