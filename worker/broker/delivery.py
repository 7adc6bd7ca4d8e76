"""A message as the broker delivered it."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.common import FieldTable

from worker.broker.connecting.answers import answered
from worker.core.lanes import Lane

if TYPE_CHECKING:
    from aiormq import spec

__all__ = ["Delivery", "begin_to_consume"]


class Delivery:
    """A message, its exchange and routing key, and the way to acknowledge it.

    aio-pika's own class copies every property and starts a second task for each message, which took
    5 % of the worker's time.
    """

    __slots__ = (
        "_channel",
        "body",
        "exchange",
        "lane",
        "properties",
        "redelivered",
        "routing_key",
        "tag",
    )

    def __init__(self, delivered: DeliveredMessage) -> None:
        deliver = cast("spec.Basic.Deliver", delivered.delivery)
        self._channel = delivered.channel
        self.body = delivered.body
        self.properties = delivered.header.properties
        """As received; copy them before changing them."""
        self.exchange = deliver.exchange or ""
        self.routing_key = deliver.routing_key or ""
        self.redelivered = bool(deliver.redelivered)
        """Whether the broker delivered it before."""
        self.tag = cast("int", deliver.delivery_tag)
        """The number of the delivery on its channel, counted from 1."""
        self.lane = Lane.INTERACTIVE
        """The consumer sets it, or what orders its deliveries anew."""

    @property
    def headers(self) -> FieldTable:
        """The headers; empty if there are none."""
        return self.properties.headers or {}

    async def acknowledge(self, *, multiple: bool = False) -> None:
        """Acknowledges the message; with `multiple` also all earlier ones of the channel.

        Raises `BrokerUnavailable` when the channel is closed.
        """
        await answered(self._channel.basic_ack(self.tag, multiple=multiple))


async def begin_to_consume(
    channel: AbstractChannel, queue: str, receive: Callable[[Delivery], Awaitable[object]]
) -> None:
    """Calls `receive` with each message of the queue from now on, until the channel is closed.

    Raises `BrokerUnavailable` if the broker does not answer, or one of `CONNECTION_ERRORS`.
    """

    async def received(delivered: DeliveredMessage) -> None:
        await receive(Delivery(delivered))

    await answered(channel.basic_consume(queue, received))
