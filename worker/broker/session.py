"""A session with the broker: two connections and their channels, which fail together.

A third connection, for replies, may fail alone.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractChannel as ConsumerChannel

from worker.broker.connecting.answers import closed_in_time
from worker.broker.connecting.connection import (
    BrokerRefused,
    BrokerUnavailable,
    connect,
    consumer_channel,
)
from worker.broker.prefetch import Prefetch
from worker.broker.publishing.confirm_channel import ConfirmChannel
from worker.broker.publishing.publisher import Publisher
from worker.broker.publishing.replies import ReplyPublisher
from worker.core.partitions import Layout

__all__ = [
    "CHANNELS_PER_PARTITION",
    "BrokerSession",
    "channels_needed",
    "open_session",
    "require_channels",
]

CHANNELS_PER_PARTITION: Final = 9
"""On the connection that publishes: one for each kind of message, one for previews, and one more
while a publisher tests whether the broker answers."""
CHANNELS_BESIDES: Final = 6
"""For the two routers and dead letters, and one more of each while it is tested."""


class BrokerSession:
    """Connections and channels from one connect to the next. When one fails, the session fails."""

    def __init__(
        self,
        connections: Sequence[AbstractConnection],
        publish_timeout_seconds: float,
        published_alone: set[int],
        *,
        prefetch: Prefetch,
        waits_while_blocked: bool,
        replies: ReplyPublisher,
    ) -> None:
        self.connections = connections
        """The connection that consumes, and the connection that publishes."""
        self._publish_timeout_seconds = publish_timeout_seconds
        self._published_alone = published_alone
        self._prefetch = prefetch
        self._waits_while_blocked = waits_while_blocked
        self.replies = replies
        """Publishes replies, and the pages of answers."""
        self.publisher = Publisher(
            connections[1],
            publish_timeout_seconds,
            published_alone=published_alone,
            waits_while_blocked=waits_while_blocked,
            replies=replies,
        )
        """Publishes messages that belong to no partition."""
        self.lost = asyncio.Event()
        """Set when the session has failed."""
        self.failure: Exception = BrokerUnavailable("the connection was closed")
        """Why the session has failed."""

    @asynccontextmanager
    async def consuming(self, prefetch: int | None = None) -> AsyncIterator[ConsumerChannel]:
        """Opens a channel to consume from one queue, and closes it at the end.

        It holds `prefetch` messages at a time, by default as many as the settings say. Each queue
        needs a channel of its own: `multiple` acknowledges by the tags of a channel. Raises
        `BrokerUnavailable`.
        """
        channel = await consumer_channel(self.connections[0], self._prefetch.new_qos(prefetch))
        closing = channel.closing
        closing.add_done_callback(self._on_channel_closed)
        # The only notice that the queue of a consumer was deleted: without it the consumer would
        # wait for ever.
        channel.on_consumer_cancel_callbacks.add(self.on_cancelled)
        try:
            yield channel
        finally:
            closing.remove_done_callback(self._on_channel_closed)
            await self._close_unless_lost(lambda: closed_in_time(channel.close()))

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[Publisher]:
        """A publisher with channels of its own, closed at the end."""
        publisher = Publisher(
            self.connections[1],
            self._publish_timeout_seconds,
            published_alone=self._published_alone,
            waits_while_blocked=self._waits_while_blocked,
            replies=self.replies,
        )
        try:
            yield publisher
        finally:
            await self._close_unless_lost(publisher.close)

    @asynccontextmanager
    async def confirm_channel(self) -> AsyncIterator[ConfirmChannel]:
        """A channel with publisher confirms, closed at the end."""
        channel = ConfirmChannel(
            self.connections[1],
            self._publish_timeout_seconds,
            waits_while_blocked=self._waits_while_blocked,
        )
        try:
            yield channel
        finally:
            await self._close_unless_lost(channel.close)

    async def _close_unless_lost(self, close: Callable[[], Awaitable[None]]) -> None:
        # A lost connection would not answer the close of a channel.
        if not self.lost.is_set():
            await close()

    async def close(self) -> None:
        """Closes all connections: the broker takes back all unacknowledged deliveries at once."""
        for connection in self.connections:
            await connection.close()
        await self.replies.close()

    def accept(self, body_bytes: int, held_bytes: int = 0) -> bool:
        """Whether to handle a message of this size; call it for each one that is delivered.

        `held_bytes` is the size of the messages that its consumer holds. Fails the session when the
        prefetch count must change. The broker redelivers messages that were not accepted.
        """
        if self.lost.is_set():
            return False
        if self._prefetch.needs_new_qos(body_bytes, held_bytes):
            self.fail(
                PrefetchChanged(
                    f"another prefetch count applies from now on: {held_bytes:,} bytes were held"
                    f" when a message of {body_bytes:,} bytes came"
                )
            )
        return not self.lost.is_set()

    def fail(self, reason: str | Exception) -> None:
        """Ends the session; the first reason is logged."""
        if not self.lost.is_set():
            self.failure = BrokerUnavailable(reason) if isinstance(reason, str) else reason
        self.lost.set()

    def on_closed(self, _closed: object, error: BaseException | None = None) -> None:
        """Fails the session: a connection or a channel was closed."""
        self.fail((error and str(error)) or self.failure)

    def _on_channel_closed(self, closing: asyncio.Future[object]) -> None:
        self.on_closed(None, None if closing.cancelled() else closing.exception())

    def on_cancelled(self, _frame: object) -> None:
        """Fails the session: the broker has cancelled a consumer."""
        self.fail("the broker cancelled a consumer: its queue was deleted or is unavailable")


class PrefetchChanged(BrokerUnavailable):
    """The consumers must begin again with another prefetch count; nothing is wrong."""


@asynccontextmanager
async def open_session(
    urls: Sequence[str],
    *,
    publish_timeout_seconds: float,
    published_alone: set[int],
    prefetch: Prefetch,
    waits_while_blocked: bool = True,
) -> AsyncIterator[BrokerSession]:
    """Opens a session, and closes it at the end. Raises `BrokerUnavailable`.

    With `waits_while_blocked` it outlasts an alarm of the broker, otherwise that is an error.

    Consuming and publishing have a connection each: a broker that is short of memory or disk stops
    reading from connections that publish, and that must not delay acknowledgements.
    """
    async with AsyncExitStack() as stack:
        replies = ReplyPublisher(lambda: connect(urls))
        stack.push_async_callback(replies.close)
        connections = [await _connect(stack, urls) for _ in range(2)]
        session = BrokerSession(
            connections,
            publish_timeout_seconds,
            published_alone,
            prefetch=prefetch,
            waits_while_blocked=waits_while_blocked,
            replies=replies,
        )
        for connection in connections:
            connection.close_callbacks.add(session.on_closed)
        yield session


def channels_needed(layout: Layout) -> int:
    """How many channels a worker that serves all partitions has on the connection that publishes.

    Any worker may have to serve all of them.
    """
    return CHANNELS_PER_PARTITION * layout.partitions + CHANNELS_BESIDES


def require_channels(connection: AbstractConnection, layout: Layout) -> None:
    """Raises `BrokerRefused` if the broker allows too few channels to serve all partitions.

    The broker ends a connection that opens too many.
    """
    needed = channels_needed(layout)
    # aio-pika does not say what was negotiated; 0 means any number.
    allowed = (
        connection.transport.connection.connection_tune.channel_max if connection.transport else 0
    )
    if 0 < allowed < needed:
        raise BrokerRefused(
            f"RabbitMQ allows {allowed} channels on a connection, and a worker needs up to"
            f" {needed}: set channel_max in rabbitmq.conf to {needed} or more"
        )


async def _connect(stack: AsyncExitStack, urls: Sequence[str]) -> AbstractConnection:
    connection = await connect(urls)
    stack.push_async_callback(connection.close)
    return connection
