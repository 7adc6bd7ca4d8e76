"""All that a worker has of the broker: two connections, and channels that share their fate."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from aio_pika.abc import AbstractChannel, AbstractConnection

from worker.broker.confirm_channel import ConfirmChannel
from worker.broker.connection import (
    CONNECT_TIMEOUT_SECONDS,
    CONNECTION_ERRORS,
    BrokerUnavailable,
    channel_on,
    connect,
)
from worker.broker.prefetch import Prefetch
from worker.broker.publisher import Publisher

__all__ = ["BrokerSession", "open_session"]

SET_UP_TIMEOUT_SECONDS: Final = 30


class BrokerSession:
    """One life of the connection to the broker. When any part is lost, all of it is."""

    def __init__(
        self,
        connections: Sequence[AbstractConnection],
        publish_timeout_seconds: float,
        alone: set[int],
        prefetch: Prefetch,
    ) -> None:
        self.connections = connections
        """The one that consumes, and the one that publishes."""
        self._publish_timeout_seconds = publish_timeout_seconds
        self._alone = alone
        self._prefetch = prefetch
        self.publisher = Publisher(connections[1], publish_timeout_seconds, alone=alone)
        """For what belongs to no partition, and for dead letters."""
        self.lost = asyncio.Event()
        self.failure: Exception = BrokerUnavailable("the connection was closed")
        """Why it is lost."""

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[AbstractChannel]:
        """A channel to consume on, closed at the end. Raises `BrokerUnavailable`.

        One for each queue: an acknowledgement of many counts the deliveries of its channel.
        """
        try:
            async with asyncio.timeout(SET_UP_TIMEOUT_SECONDS):
                channel = await _consuming(self.connections[0], self._prefetch.use())
        except CONNECTION_ERRORS as error:
            raise BrokerUnavailable(str(error) or type(error).__name__) from error
        channel.close_callbacks.add(self.on_closed)
        # A consumer whose queue is deleted is told nowhere else, and would wait for ever.
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(self.on_cancelled)
        try:
            yield channel
        finally:
            channel.close_callbacks.discard(self.on_closed)
            await self._close_unless_lost(channel.close)

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[Publisher]:
        """A publisher with channels of its own, closed at the end."""
        publisher = Publisher(self.connections[1], self._publish_timeout_seconds, alone=self._alone)
        try:
            yield publisher
        finally:
            await self._close_unless_lost(publisher.close)

    @asynccontextmanager
    async def outlet(self) -> AsyncIterator[ConfirmChannel]:
        """A way out that takes anything, closed at the end."""
        outlet = ConfirmChannel(self.connections[1], self._publish_timeout_seconds)
        try:
            yield outlet
        finally:
            await self._close_unless_lost(outlet.close)

    async def _close_unless_lost(self, close: Callable[[], Awaitable[None]]) -> None:
        # A channel of a connection that is gone is gone too, and would be waited for in vain.
        if not self.lost.is_set():
            with contextlib.suppress(*CONNECTION_ERRORS):
                async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                    await close()

    async def close(self) -> None:
        """Hands all deliveries back at once, whatever is still under way here."""
        for connection in self.connections:
            await _close(connection)

    @property
    def held_at_most(self) -> int:
        """How many messages the broker gives the newest consumer before any is acknowledged."""
        return self._prefetch.used

    def accept(self, body_bytes: int) -> bool:
        """To be asked of each message: what comes while all is given up goes back to its queue."""
        if self._prefetch.needs_new_qos(body_bytes):
            self.fail(f"consuming begins anew after a message of {body_bytes} bytes")
        return not self.lost.is_set()

    def fail(self, reason: str | Exception) -> None:
        """Gives all of it up, for a reason that belongs into the log."""
        if not self.lost.is_set():
            self.failure = BrokerUnavailable(reason) if isinstance(reason, str) else reason
        self.lost.set()

    def on_closed(self, _closed: object, error: BaseException | None = None) -> None:
        """Notes that a connection or a channel has closed."""
        self.fail((error and str(error)) or self.failure)

    def on_cancelled(self, _frame: object) -> None:
        """Notes that the broker has ended a consumer: its queue is gone, or has moved."""
        self.fail("the broker ended a consumer: its queue was deleted or is out of reach")


@asynccontextmanager
async def open_session(
    urls: Sequence[str], *, publish_timeout_seconds: float, alone: set[int], prefetch: Prefetch
) -> AsyncIterator[BrokerSession]:
    """The connections, closed at the end. Raises `BrokerUnavailable`.

    Consuming and publishing have a connection each: a broker short of memory or disk stops
    reading from those that publish, and acknowledgements must not wait behind that.
    """
    async with AsyncExitStack() as stack:
        connections = [await _opened(stack, urls) for _ in range(2)]
        link = BrokerSession(connections, publish_timeout_seconds, alone, prefetch)
        for connection in connections:
            connection.close_callbacks.add(link.on_closed)
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
    with contextlib.suppress(*CONNECTION_ERRORS):
        await asyncio.wait_for(connection.close(), CONNECT_TIMEOUT_SECONDS)
