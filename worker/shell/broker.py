"""RabbitMQ: connections built from scratch, and a publisher that tells what became of a message."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import aio_pika
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractMessage,
)
from aio_pika.connection import make_url
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, DeliveryError, PublishError

from contracts.envelope import CONTENT_TYPE
from worker.shell.database.outbox import OutgoingMessage

__all__ = [
    "CONNECT_TIMEOUT_SECONDS",
    "LOST",
    "BrokerUnavailable",
    "Link",
    "NotTaken",
    "Publisher",
    "Unroutable",
    "connect",
    "open_link",
    "persistent",
]

CONNECT_TIMEOUT_SECONDS: Final = 10
"""A broker that accepts TCP but does not speak (booting, frozen) would be waited for for ever."""
HEARTBEAT_SECONDS: Final = 10
"""A dead peer is noticed after about three heartbeats; the library's default takes 3 minutes."""


LOST: Final = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)
"""What the library raises when a connection or a channel is gone, or does not answer."""


class BrokerUnavailable(Exception):
    """No node of the broker can be used now; the text says which were tried and why."""


class Unroutable(Exception):
    """The message reached no queue."""


class NotTaken(Exception):
    """The broker refused the message, because a queue is full or not available."""


async def connect(urls: Sequence[str]) -> AbstractConnection:
    """A connection to the first node that answers. Raises `BrokerUnavailable` when none does."""
    problems = []
    for url in urls:
        try:
            return await _connect(url)
        except LOST as error:
            parts = urlsplit(url)
            reason = str(error) or type(error).__name__
            problems.append(f"{parts.hostname}:{parts.port or 5672}{parts.path}: {reason}")
    raise BrokerUnavailable("; ".join(problems))


async def _connect(url: str) -> AbstractConnection:
    connection = aio_pika.Connection(make_url(url, heartbeat=HEARTBEAT_SECONDS))
    try:
        await connection.connect(timeout=CONNECT_TIMEOUT_SECONDS)
    except BaseException:
        # One that never opened still counts as open: its finalizer would start a task to close
        # it, in whatever thread the garbage collector happens to run.
        await connection.close()
        raise
    return connection


def persistent(
    body: bytes, *, message_id: str, message_type: str, correlation_id: str
) -> aio_pika.Message:
    """A message that survives a restart of the broker, its properties mirroring the envelope."""
    return aio_pika.Message(
        body,
        content_type=CONTENT_TYPE,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=message_id,
        type=message_type,
        correlation_id=correlation_id,
    )


class Publisher:
    """Publishes with confirms on a channel of its own."""

    def __init__(
        self, channel: AbstractChannel, replies: AbstractChannel, timeout_seconds: float
    ) -> None:
        self._channel = channel
        # Replies go to queues that strangers name: what goes wrong there stays there.
        self._replies = replies
        self._timeout_seconds = timeout_seconds
        self._exchanges: dict[str, aio_pika.abc.AbstractExchange] = {}

    async def publish(self, outgoing: OutgoingMessage) -> None:
        """Returns when the broker has confirmed the message.

        Raises `Unroutable` when it reached no queue, `NotTaken` when a queue refused it, and
        `BrokerUnavailable` when nobody can say: it may be there, and is sent again with its id.
        """
        message = persistent(
            outgoing.body,
            message_id=outgoing.message_id,
            message_type=outgoing.message_type,
            correlation_id=outgoing.correlation_id,
        )
        message.timestamp = outgoing.decided_at
        if not outgoing.exchange:
            await self._reply(message, outgoing.routing_key)
            return
        await self.send(message, exchange=outgoing.exchange, routing_key=outgoing.routing_key)

    async def send(self, message: AbstractMessage, *, exchange: str, routing_key: str) -> None:
        """Publishes any message, mandatory; raises like `publish`."""
        try:
            target = await self._exchange(exchange)
            await target.publish(
                message, routing_key, mandatory=True, timeout=self._timeout_seconds
            )
        except PublishError:
            raise Unroutable(f"{exchange!r} has no queue for {routing_key!r}") from None
        except DeliveryError as error:
            raise NotTaken(f"the broker refused it: {type(error).__name__}") from None
        except (*LOST, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and not self._channel.is_closed:
                raise
            reason = str(error) or type(error).__name__
            raise BrokerUnavailable(f"publishing to {exchange!r}: {reason}") from error

    async def _reply(self, message: AbstractMessage, queue: str) -> None:
        # A courtesy: the event says the same. Whoever asked may be gone, and is not waited for.
        with contextlib.suppress(*LOST):
            await self._replies.default_exchange.publish(
                message, queue, mandatory=False, timeout=self._timeout_seconds
            )

    async def _exchange(self, name: str) -> aio_pika.abc.AbstractExchange:
        if not name:
            return self._channel.default_exchange
        if name not in self._exchanges:
            self._exchanges[name] = await self._channel.get_exchange(name, ensure=False)
        return self._exchanges[name]


class Link:
    """One life of the connection to the broker. When any part is lost, all of it is."""

    def __init__(
        self, commands: AbstractChannel, results: AbstractChannel, publisher: Publisher
    ) -> None:
        # A channel each: an acknowledgement of many counts the deliveries of its channel.
        self.commands = commands
        self.results = results
        self.publisher = publisher
        self.lost = asyncio.Event()

    def lose(self, *_: object) -> None:
        """Notes that a connection or a channel has closed, or that a queue is gone."""
        self.lost.set()


@asynccontextmanager
async def open_link(
    urls: Sequence[str], *, prefetch_messages: int, publish_timeout_seconds: float
) -> AsyncIterator[Link]:
    """Connections and channels, closed at the end. Raises `BrokerUnavailable`.

    Consuming and publishing have a connection each: a broker short of memory or disk stops
    reading from those that publish, and acknowledgements must not wait behind that.
    """
    async with AsyncExitStack() as stack:
        connections = [await _opened(stack, urls) for _ in range(2)]
        try:
            commands = await _consuming(connections[0], prefetch_messages)
            results = await _consuming(connections[0], prefetch_messages)
            publishing = await connections[1].channel(on_return_raises=True)
            replies = await connections[1].channel()
        except LOST as error:
            raise BrokerUnavailable(str(error) or type(error).__name__) from error
        link = Link(commands, results, Publisher(publishing, replies, publish_timeout_seconds))
        for connection in connections:
            connection.close_callbacks.add(link.lose)
        for channel in (commands, results, publishing):
            channel.close_callbacks.add(link.lose)
        for channel in (commands, results):
            # A consumer whose queue is deleted is told nowhere else, and would wait for ever.
            underlay = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(link.lose)
        yield link


async def _consuming(connection: AbstractConnection, prefetch_messages: int) -> AbstractChannel:
    channel = await connection.channel(publisher_confirms=False)
    await channel.set_qos(prefetch_messages, timeout=CONNECT_TIMEOUT_SECONDS)
    return channel


async def _opened(stack: AsyncExitStack, urls: Sequence[str]) -> AbstractConnection:
    connection = await connect(urls)
    stack.push_async_callback(_close, connection)
    return connection


async def _close(connection: AbstractConnection) -> None:
    with contextlib.suppress(*LOST):
        await asyncio.wait_for(connection.close(), CONNECT_TIMEOUT_SECONDS)
