"""Markers prove how far a queue was read: a consumer that receives one has received all before it.

Nothing else proves that a queue is empty. RabbitMQ reports 0 messages for a queue that does not
answer in time, and some release series report a wrong number of consumers.
"""

import asyncio
from typing import Final
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractConnection

from worker.broker.connecting.connection import channel_on, ready_messages
from worker.broker.delivery import Delivery, begin_to_consume
from worker.broker.forwarding import ORIGIN
from worker.broker.publishing.publisher import Publisher

__all__ = ["QueueInUse", "append_marker", "is_empty", "is_marker"]

MARKER: Final = "x-queue-marker"
FEW_MESSAGES: Final = 1000
"""A queue with more messages is taken as not empty without reading it."""


class QueueInUse(Exception):
    """Another connection still consumes from the queue; the text is the name of the queue."""


def is_marker(delivery: Delivery) -> bool:
    """Whether it is a marker; a forwarded command with the same header names its origin."""
    headers = delivery.headers
    return not delivery.exchange and MARKER in headers and headers.keys().isdisjoint(ORIGIN)


async def append_marker(publisher: Publisher, queue: str) -> str:
    """Appends a marker to the queue; returns the message id of the marker.

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
    """Whether the queue holds only markers; removes them.

    No other messages may reach the queue meanwhile. Raises `QueueInUse` if the marker is not
    delivered in time, `NotPublished` and `BrokerUnavailable`.
    """
    if await ready_messages(connection, queue) > FEW_MESSAGES:
        return False
    marker = await append_marker(publisher, queue)
    delivered: asyncio.Queue[Delivery] = asyncio.Queue()
    # Without a prefetch limit. Unacknowledged messages return to their places in the queue.
    async with await channel_on(connection, publisher_confirms=False) as channel:
        await begin_to_consume(await channel.get_underlay_channel(), queue, delivered.put)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await _are_markers_until(delivered, marker)
        except TimeoutError:
            raise QueueInUse(queue) from None


async def _are_markers_until(delivered: asyncio.Queue[Delivery], last_marker: str) -> bool:
    are_markers = True
    while True:
        delivery = await delivered.get()
        if is_marker(delivery):
            await delivery.acknowledge()
            if delivery.properties.message_id == last_marker:
                return are_markers
        else:
            are_markers = False
