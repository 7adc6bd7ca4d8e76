"""A message as a consumer was given it."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar, cast

from aio_pika.abc import AbstractChannel
from aiormq.abc import DeliveredMessage
from pamqp.common import FieldTable

from worker.shell.broker import CONNECT_TIMEOUT_SECONDS, BrokerUnavailable

if TYPE_CHECKING:
    from aiormq import spec

__all__ = ["Delivery", "begin_to_consume", "end_to_consume"]

Answer = TypeVar("Answer")


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

        Raises what is in `LOST` when the channel is closed.
        """
        await self._channel.basic_ack(self.tag, multiple=multiple)


async def begin_to_consume(
    channel: AbstractChannel, queue: str, receive: Callable[[Delivery], Awaitable[object]]
) -> str:
    """Calls `receive` with each message of the queue from now on; the consumer's tag.

    Raises `BrokerUnavailable` where the broker does not answer, and what is in `LOST`.
    """

    async def received(delivered: DeliveredMessage) -> None:
        await receive(Delivery(delivered))

    underlay = await channel.get_underlay_channel()
    begun = await _answered(
        underlay.basic_consume(queue, received, timeout=CONNECT_TIMEOUT_SECONDS)
    )
    return begun.consumer_tag or ""


async def end_to_consume(channel: AbstractChannel, consumer: str) -> None:
    """Nothing more is received; what is not acknowledged stays with the channel.

    Raises as `begin_to_consume`.
    """
    underlay = await channel.get_underlay_channel()
    await _answered(underlay.basic_cancel(consumer, timeout=CONNECT_TIMEOUT_SECONDS))


async def _answered(asked: Awaitable[Answer]) -> Answer:
    # A bare TimeoutError could be the database's as well.
    try:
        return await asked
    except TimeoutError as error:
        raise BrokerUnavailable("it does not answer") from error
