"""A message as a consumer was given it."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from aio_pika.abc import AbstractChannel
from aiormq.abc import DeliveredMessage
from pamqp.common import FieldTable

from worker.broker.connection import CONNECT_TIMEOUT_SECONDS, BrokerUnavailable

if TYPE_CHECKING:
    from aiormq import spec

__all__ = ["Delivery", "begin_to_consume"]


class Delivery:
    """A message, where it came from, and the way to acknowledge it.

    The library's own has every property twice, and a second task for each: that was a twentieth of
    all the worker's time.
    """

    __slots__ = ("_channel", "body", "exchange", "properties", "redelivered", "routing_key", "tag")

    def __init__(self, delivered: DeliveredMessage) -> None:
        came = cast("spec.Basic.Deliver", delivered.delivery)
        self._channel = delivered.channel
        self.body = delivered.body
        self.properties = delivered.header.properties
        """As they came: to be copied by whoever changes them."""
        self.exchange = came.exchange or ""
        self.routing_key = came.routing_key or ""
        self.redelivered = bool(came.redelivered)
        """Whether it was given to somebody before."""
        self.tag = cast("int", came.delivery_tag)
        """Its number on the channel, counted from 1."""

    @property
    def headers(self) -> FieldTable:
        """Its headers, where it has any."""
        return self.properties.headers or {}

    async def acknowledge(self, *, multiple: bool = False) -> None:
        """The queue may forget it; and all before it, if asked to.

        Raises what is in `CONNECTION_ERRORS` when the channel is closed.
        """
        await self._channel.basic_ack(self.tag, multiple=multiple)


async def begin_to_consume(
    channel: AbstractChannel, queue: str, receive: Callable[[Delivery], Awaitable[object]]
) -> None:
    """Calls `receive` with each message of the queue from now on, until the channel is closed.

    Raises `BrokerUnavailable` where the broker does not answer, and what is in `CONNECTION_ERRORS`.
    """

    async def received(delivered: DeliveredMessage) -> None:
        await receive(Delivery(delivered))

    underlay = await channel.get_underlay_channel()
    try:
        await underlay.basic_consume(queue, received, timeout=CONNECT_TIMEOUT_SECONDS)
    except TimeoutError as error:
        # A bare TimeoutError could be the database's as well.
        raise BrokerUnavailable("it does not answer") from error
