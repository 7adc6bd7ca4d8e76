"""Publishes replies, on a connection of their own."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, cast

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq import Channel

from worker.broker.connecting.connection import (
    CONNECTION_ERRORS,
    BrokerRefused,
    BrokerUnavailable,
    channel_on,
)
from worker.broker.publishing.publication import ENCODING_ERRORS, Publication
from worker.runtime.concurrency import limited
from worker.telemetry.logs import Action, get_logger

__all__ = ["ReplyPublisher"]

REPLY_TIMEOUT_SECONDS: Final = 10
"""How long a broker that does not read may delay replies; then the worker gives them up."""


class ReplyPublisher:
    """Publishes replies without a confirm; raises no error of the broker.

    A reply repeats what an event says, and the requester may be gone. Requesters name the reply
    queues, so a problem there must not affect other messages. RabbitMQ up to 3.10 even ends the
    connection of a reply to the direct reply-to address of another cluster, or to one that no
    broker made (rabbitmq-server issue 3751). The connection is opened for the first reply, and
    again for the next one after it has ended.
    """

    def __init__(self, connect: Callable[[], Awaitable[AbstractConnection]]) -> None:
        self._connect = connect
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._fails = False

    async def publish(self, replies: Sequence[Publication]) -> None:
        """Publishes the replies as far as the broker takes them in `REPLY_TIMEOUT_SECONDS`."""
        if not replies:
            return
        try:
            await limited(self._publish(replies), REPLY_TIMEOUT_SECONDS)
        except (*CONNECTION_ERRORS, BrokerUnavailable, BrokerRefused) as error:
            # Once for many: requesters notice each.
            if not self._fails:
                get_logger().warning(Action.REPLIES_LOST, reason=str(error) or type(error).__name__)
            self._fails = True
        else:
            self._fails = False

    async def close(self) -> None:
        """Closes the connection."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            await connection.close()

    async def _publish(self, replies: Sequence[Publication]) -> None:
        for reply in replies:
            channel = await self._open_channel()
            with contextlib.suppress(*ENCODING_ERRORS):
                await channel.basic_publish(
                    reply.body,
                    routing_key=reply.routing_key,
                    properties=reply.properties,
                    wait=False,
                )

    async def _open_channel(self) -> Channel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._new_channel()
            return cast("Channel", await self._channel.get_underlay_channel())

    async def _new_channel(self) -> AbstractChannel:
        if self._connection is not None and not self._connection.is_closed:
            with contextlib.suppress(BrokerUnavailable):
                return await channel_on(self._connection, publisher_confirms=False)
        await self.close()
        self._connection = await self._connect()
        return await channel_on(self._connection, publisher_confirms=False)
