"""Markers prove how far a queue was read: a consumer that receives one has received all before it.

Nothing else proves that a queue is empty. RabbitMQ reports 0 messages where a queue does not answer
in time, and the wrong number of consumers in some series.
"""

import asyncio
from typing import Final
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractConnection

from worker.broker.connection import channel_on, ready_messages
from worker.broker.delivery import Delivery, begin_to_consume
from worker.broker.forwarding import ORIGIN
from worker.broker.publisher import Publisher

__all__ = ["QueueInUse", "append_marker", "is_empty", "is_marker"]

MARKER: Final = "x-queue-marker"
FEW_MESSAGES: Final = 1000
"""A queue that holds more is not empty, and is not read."""


class QueueInUse(Exception):
    """Another connection still consumes from the queue; the text is its name."""


def is_marker(delivery: Delivery) -> bool:
    """Whether it is a marker. No command is: one that was forwarded here names its origin."""
    headers = delivery.headers
    return not delivery.exchange and MARKER in headers and headers.keys().isdisjoint(ORIGIN)


async def append_marker(publisher: Publisher, queue: str) -> str:
    """Puts a marker behind everything in the queue; its message id.

    Raises `NotPublished` and `BrokerUnavailable`.
    """
    marker = uuid4().hex
    message = aio_pika.Message(
        b"",
        headers={MARKER: True},
        message_id=marker,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await publisher.send(message, exchange="", routing_key=queue)
    return marker


async def is_empty(
    connection: AbstractConnection, publisher: Publisher, queue: str, timeout_seconds: float
) -> bool:
    """Whether the queue holds nothing but markers, which this removes.

    The queue must get no other messages meanwhile. Raises `QueueInUse` where the marker does not
    come within the time, `NotPublished` and `BrokerUnavailable`.
    """
    if await ready_messages(connection, queue) > FEW_MESSAGES:
        return False
    marker = await append_marker(publisher, queue)
    found: asyncio.Queue[Delivery] = asyncio.Queue()
    # No limit of messages in flight: those that are not acknowledged return in their order.
    async with await channel_on(connection, publisher_confirms=False) as channel:
        await begin_to_consume(channel, queue, found.put)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await _holds_markers_only(found, marker)
        except TimeoutError:
            raise QueueInUse(queue) from None


async def _holds_markers_only(found: asyncio.Queue[Delivery], last: str) -> bool:
    is_empty = True
    while True:
        delivery = await found.get()
        if is_marker(delivery):
            await delivery.acknowledge()
            if delivery.properties.message_id == last:
                return is_empty
        else:
            is_empty = False
