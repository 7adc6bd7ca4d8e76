"""Connects to RabbitMQ; a lost connection is replaced by a new one, never repaired."""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote, urlencode

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import AbstractChannel as ConsumerChannel
from aiormq.abc import ExceptionType
from aiormq.base import FutureStore
from aiormq.exceptions import ChannelAccessRefused, ChannelNotFoundEntity
from yarl import URL

from worker.broker.connecting.answers import CONNECTION_ERRORS, LimitedConnection, answered
from worker.broker.connecting.refusals import BrokerRefused, BrokerUnavailable, explained
from worker.broker.connecting.tolerant_decoding import decode_tolerantly
from worker.broker.connecting.transport import Address, Transport
from worker.runtime.amqp_url import AmqpServer, parse_amqp_url
from worker.runtime.concurrency import limited, uninterrupted

if TYPE_CHECKING:
    from aiormq import Channel

__all__ = [
    "CONNECTION_ERRORS",
    "BrokerRefused",
    "BrokerUnavailable",
    "channel_on",
    "connect",
    "consumer_channel",
    "library_url",
    "ready_by_queue",
    "ready_messages",
]

BUFFERED_FRAMES: Final = 300
"""Of 100 commands. A frame has up to 128 KiB, so that more could take too much memory."""
UNLIMITED_CONTENT_BYTES: Final = 128 * 1024
"""The content of a frame at most, if the broker sets no limit."""


_answered_last: Final[set[str]] = set()
"""The URL of the node that answered last: a worker needs several connections, and a node that does
not answer takes up the time of each."""


async def connect(urls: Sequence[str]) -> AbstractConnection:
    """Connects to the node that answered last, or to the first of the others that answers.

    When none does, raises `BrokerRefused` if a node refuses for good, else `BrokerUnavailable`.
    """
    problems: list[BrokerRefused | BrokerUnavailable] = []
    for url in sorted(urls, key=lambda url: url not in _answered_last):
        try:
            connection = await _connect(url)
        except (BrokerRefused, BrokerUnavailable) as error:
            problems.append(error)
        else:
            _answered_last.clear()
            _answered_last.add(url)
            return connection
    raise _worst_of(problems)


def _worst_of(
    problems: Sequence[BrokerRefused | BrokerUnavailable],
) -> BrokerRefused | BrokerUnavailable:
    """The first refusal: the nodes of a cluster have the same users and virtual hosts."""
    for problem in problems:
        if isinstance(problem, BrokerRefused):
            return problem
    return BrokerUnavailable("; ".join(dict.fromkeys(map(str, problems))))


async def _connect(url: str) -> AbstractConnection:
    """Connects to the first address that answers; each has an equal share of the time that is left.

    The library would try only one address whose packets are swallowed.
    """
    decode_tolerantly()
    _replace_bare_exceptions()
    server, context = await _prepared(url)
    addresses = await _addresses_of(server)
    deadline = monotonic() + server.parameters.timeout_seconds
    problems: list[BrokerRefused | BrokerUnavailable] = []
    for tried, address in enumerate(addresses):
        share_seconds = (deadline - monotonic()) / (len(addresses) - tried)
        try:
            return await _open(server, Transport(address, server.host, context), share_seconds)
        except (BrokerRefused, BrokerUnavailable) as error:
            problems.append(error)
    raise _worst_of(problems)


async def _prepared(url: str) -> tuple[AmqpServer, ssl.SSLContext | None]:
    """The server, and the TLS context by the files that the URL names, as they are now."""
    try:
        server = parse_amqp_url(url)
        tls = server.parameters.tls
        return server, await asyncio.to_thread(tls.context) if tls else None
    except ValueError as error:
        raise BrokerRefused(f"AMQP_URL: {error}.") from None


async def _addresses_of(server: AmqpServer) -> Sequence[Address]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(server.parameters.timeout_seconds):
            found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise explained(error, server, b"") from error
    places = (Address(family, str(place[0]), server.port) for family, *_, place in found)
    return list(dict.fromkeys(places))


async def _open(
    server: AmqpServer, transport: Transport, timeout_seconds: float
) -> AbstractConnection:
    connection = LimitedConnection(library_url(server), transport_factory=transport)
    try:
        await limited(connection.connect(), timeout_seconds)
    except BaseException as error:
        # A connection that never opened still counts as open: its finalizer would start a task to
        # close it, in the thread in which the garbage collector happens to run.
        await connection.close()
        if isinstance(error, Exception):
            raise explained(error, server, transport.heard()) from error
        raise
    transport.stop_listening()
    return connection


def library_url(server: AmqpServer) -> URL:
    """The URL as the library reads it. TLS is the transport's; the scheme is for the log."""
    parameters = server.parameters
    account = f"{quote(server.user, safe='')}:{quote(server.password, safe='')}"
    given = {"heartbeat": str(parameters.heartbeat_seconds), "auth": parameters.mechanism.value}
    if parameters.name:
        given["name"] = parameters.name
    scheme = "amqps" if parameters.tls else "amqp"
    path = quote(server.virtual_host, safe="")
    query = urlencode(given, quote_via=quote)
    return URL(f"{scheme}://{account}@{server}/{path}?{query}", encoded=True)


def _replace_bare_exceptions() -> None:
    """Makes the library raise `ConnectionResetError` when a connection ends between two frames.

    aiormq rejects all pending calls with a bare `Exception` then. No caller can tell that from a
    defect: a worker ended when its connection was cut during a declaration. aiormq 7.2 has no hook
    for it.
    """
    FutureStore.reject_all = _reject_all  # type: ignore[method-assign]


def _reject_all(store: FutureStore, error: ExceptionType | None) -> Awaitable[None]:
    return _LIBRARY_REJECT_ALL(store, error or ConnectionResetError("the connection has ended"))


_LIBRARY_REJECT_ALL = FutureStore.reject_all


async def channel_on(connection: AbstractConnection, **options: bool) -> AbstractChannel:
    """Opens a channel. Raises `BrokerUnavailable` if the connection is lost."""
    try:
        channel = await connection.channel(**options)
        await _limit_frames(channel)
    # The library raises RuntimeError for a closed connection.
    except (*CONNECTION_ERRORS, RuntimeError) as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error
    return channel


async def consumer_channel(connection: AbstractConnection, prefetch: int) -> ConsumerChannel:
    """Opens a channel to consume from one queue, which holds so many messages at a time.

    Raises `BrokerUnavailable`. aio-pika opens every channel with room for ten frames, three
    messages: while the worker handled a burst, it took in three more each time that it looked.
    """
    if connection.transport is None:
        raise BrokerUnavailable("the connection is lost")
    library = connection.transport.connection
    try:
        channel = await answered(
            library.channel(publisher_confirms=False, frame_buffer_size=BUFFERED_FRAMES)
        )
        await answered(channel.basic_qos(prefetch_count=prefetch))
    # The library raises RuntimeError for a closed connection.
    except (*CONNECTION_ERRORS, RuntimeError) as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error
    return channel


async def _limit_frames(channel: AbstractChannel) -> None:
    # A broker with `frame_max = 0` sets no limit; the library takes that for frames below zero.
    underlay = cast("Channel", await channel.get_underlay_channel())
    if underlay.max_content_size <= 0:
        underlay.max_content_size = UNLIMITED_CONTENT_BYTES


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


async def ready_by_queue(
    connection: AbstractConnection, queues: Sequence[str]
) -> Mapping[str, int]:
    """The number of messages that wait in each of these queues.

    Omits those that are missing, or that this user may not look at. Raises `BrokerUnavailable`, or
    one of `CONNECTION_ERRORS`.
    """
    return await uninterrupted(_ready_by_queue(connection, deque(queues)))


async def _ready_by_queue(connection: AbstractConnection, left: deque[str]) -> Mapping[str, int]:
    ready: dict[str, int] = {}
    while left:
        # The broker closes the channel on which a queue is missing or forbidden.
        with suppress(ChannelNotFoundEntity, ChannelAccessRefused):
            async with await channel_on(connection) as channel:
                while left:
                    name = left.popleft()
                    declared = await answered(channel.declare_queue(name, passive=True))
                    ready[name] = declared.declaration_result.message_count or 0
    return ready
