"""Publishes replies and the pages of answers, on a connection of their own."""

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
from worker.broker.publishing.alarms import is_blocked
from worker.broker.publishing.confirm_channel import (
    ChannelLost,
    ConfirmChannel,
    Unroutable,
)
from worker.broker.publishing.publication import ENCODING_ERRORS, Publication
from worker.runtime.concurrency import limited
from worker.telemetry.logs import Action, get_logger

__all__ = ["DIRECT_REPLY_TO", "ReplyPublisher"]

REPLY_TIMEOUT_SECONDS: Final = 10
"""How long a broker that does not read may delay replies; then the worker gives them up."""
DIRECT_REPLY_TO: Final = "amq.rabbitmq.reply-to"
"""How direct reply-to addresses begin."""


class ReplyPublisher:
    """Publishes replies without a confirm and raises no error of the broker; pages with a confirm.

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
        self._confirms: ConfirmChannel | None = None
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

    async def publish_page(self, page: Publication) -> None:
        """Publishes a page of an answer, and waits until its queue has confirmed it.

        Raises `Unroutable` if the requester is gone, another `NotPublished` if the queue does not
        take the page, and `BrokerUnavailable` if the outcome is unknown.
        """
        async with self._opening:
            confirms = await self._open_confirms()
        try:
            (problem,) = await confirms.publish([page])
        except BrokerUnavailable:
            await self._replace_connection(confirms)
            raise
        if isinstance(problem, ChannelLost):
            raise problem.verdict()
        # RabbitMQ 3 takes direct reply-to for no queue: it delivers the page, and returns it too.
        if isinstance(problem, Unroutable) and page.routing_key.startswith(DIRECT_REPLY_TO):
            return
        if problem is not None:
            raise problem

    async def close(self) -> None:
        """Closes the connection."""
        connection, self._connection = self._connection, None
        self._channel = self._confirms = None
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
        return await channel_on(await self._new_connection(), publisher_confirms=False)

    async def _open_confirms(self) -> ConfirmChannel:
        connection = self._connection
        if connection is None or connection.is_closed:
            connection = await self._new_connection()
        if self._confirms is None:
            self._confirms = ConfirmChannel(
                connection, REPLY_TIMEOUT_SECONDS, waits_while_blocked=False
            )
        return self._confirms

    async def _new_connection(self) -> AbstractConnection:
        await self.close()
        self._connection = await self._connect()
        return self._connection

    async def _replace_connection(self, confirms: ConfirmChannel) -> None:
        """Closes the connection of this channel; the next message opens another one.

        The library does not always notice that a connection has ended.
        """
        connection = self._connection
        if connection is not None and self._confirms is confirms and not is_blocked(connection):
            await self.close()
