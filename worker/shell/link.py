"""All that a lane has of the broker: two connections, three channels, one fate."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from aio_pika.abc import AbstractChannel, AbstractConnection

from worker.shell.broker import (
    CONNECT_TIMEOUT_SECONDS,
    LOST,
    BrokerUnavailable,
    channel_on,
    connect,
)
from worker.shell.publishing import Publisher

__all__ = ["Link", "open_link"]

SET_UP_TIMEOUT_SECONDS: Final = 30


class Link:
    """One life of the connection to the broker. When any part is lost, all of it is."""

    def __init__(
        self,
        connections: Sequence[AbstractConnection],
        commands: AbstractChannel,
        results: AbstractChannel,
        publisher: Publisher,
    ) -> None:
        self.connections = connections
        """The one that consumes, and the one that publishes."""
        # A channel each: an acknowledgement of many counts the deliveries of its channel.
        self.commands = commands
        self.results = results
        self.publisher = publisher
        self.lost = asyncio.Event()
        self.reason = "the connection was closed"

    async def close(self) -> None:
        """Hands all deliveries back at once, whatever is still under way here."""
        for connection in self.connections:
            await _close(connection)

    def lose(self, reason: str) -> None:
        """Gives all of it up, for a reason that belongs into the log."""
        if not self.lost.is_set():
            self.reason = reason
        self.lost.set()

    def on_closed(self, _closed: object, error: BaseException | None = None) -> None:
        """Notes that a connection or a channel has closed."""
        self.lose(str(error or self.reason))

    def on_cancelled(self, _frame: object) -> None:
        """Notes that the broker has ended a consumer: its queue is gone, or has moved."""
        self.lose("the broker ended a consumer: its queue was deleted or is out of reach")


@asynccontextmanager
async def open_link(
    urls: Sequence[str],
    *,
    prefetch_messages: int,
    publish_timeout_seconds: float,
    alone: set[int],
) -> AsyncIterator[Link]:
    """Connections and channels, closed at the end. Raises `BrokerUnavailable`.

    Consuming and publishing have a connection each: a broker short of memory or disk stops
    reading from those that publish, and acknowledgements must not wait behind that.
    """
    async with AsyncExitStack() as stack:
        connections = [await _opened(stack, urls) for _ in range(2)]
        publisher = Publisher(connections[1], publish_timeout_seconds, alone=alone)
        try:
            async with asyncio.timeout(SET_UP_TIMEOUT_SECONDS):
                commands = await _consuming(connections[0], prefetch_messages)
                results = await _consuming(connections[0], prefetch_messages)
        except LOST as error:
            raise BrokerUnavailable(str(error) or type(error).__name__) from error
        link = Link(connections, commands, results, publisher)
        for connection in connections:
            connection.close_callbacks.add(link.on_closed)
        for channel in (commands, results):
            channel.close_callbacks.add(link.on_closed)
            # A consumer whose queue is deleted is told nowhere else, and would wait for ever.
            underlay = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(link.on_cancelled)
        yield link


async def _consuming(connection: AbstractConnection, prefetch_messages: int) -> AbstractChannel:
    channel = await channel_on(connection, publisher_confirms=False)
    await channel.set_qos(prefetch_messages, timeout=CONNECT_TIMEOUT_SECONDS)
    return channel


async def _opened(stack: AsyncExitStack, urls: Sequence[str]) -> AbstractConnection:
    connection = await connect(urls)
    stack.push_async_callback(_close, connection)
    return connection


async def _close(connection: AbstractConnection) -> None:
    with contextlib.suppress(*LOST):
        await asyncio.wait_for(connection.close(), CONNECT_TIMEOUT_SECONDS)
