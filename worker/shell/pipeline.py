"""Many publications in one write, each with a confirm of its own.

The library makes of every message a task, two futures, a lock and a timeout: that was four tenths
of all the worker's time. Its channel still counts the confirms and the returned messages, and still
fails whatever is open when it closes.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from aiormq import Channel
from aiormq.abc import ChannelFrame
from pamqp import commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

__all__ = ["Confirm", "Publication", "publish_together"]

Confirm = asyncio.Future[object]
"""Done when the broker has confirmed; failed when it refused, returned, or will never answer."""

_ROUTES_REMEMBERED = 4096
"""One for each site and message type; a few hundred bytes each."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A message and where it goes; it comes back if no queue takes it."""

    exchange: str
    routing_key: str
    properties: commands.Basic.Properties
    """With a message id that no other message in flight on the channel has: by it a returned
    message finds its confirm. Without that, a return would be followed by an ack for success."""
    body: bytes


async def publish_together(channel: Channel, publications: Sequence[Publication]) -> list[Confirm]:
    """Writes all of them, in this order; their confirms, some of which may be failed already.

    What cannot be said in AMQP fails with a `ValueError`, `TypeError` or `OverflowError` and is
    not written. Raises `ChannelInvalidStateError` where the channel is closed: nothing is written.
    """
    written = bytearray()
    async with channel.lock:
        confirms = [_add(channel, publication, written) for publication in publications]
        if written:
            payload = ChannelFrame(payload=bytes(written), should_close=False)
            await channel.write_queue.put(payload)
    return confirms


def _add(channel: Channel, publication: Publication, written: bytearray) -> Confirm:
    confirm: Confirm = channel.create_future()
    try:
        written += _encoded(channel, publication)
    except (ValueError, TypeError, OverflowError) as error:
        confirm.set_exception(error)
        return confirm
    channel.delivery_tag += 1
    channel.confirmations[channel.delivery_tag] = confirm
    message_id = publication.properties.message_id or ""
    channel.message_id_delivery_tag[message_id] = channel.delivery_tag
    confirm.add_done_callback(lambda _: channel.message_id_delivery_tag.pop(message_id, None))
    return confirm


def _encoded(channel: Channel, publication: Publication) -> bytes:
    body = publication.body
    number, size = channel.number, channel.max_content_size
    head = ContentHeader(body_size=len(body), properties=publication.properties)
    parts = (ContentBody(body[start : start + size]) for start in range(0, len(body), size))
    return b"".join(
        (
            _route(number, publication.exchange, publication.routing_key),
            frame.marshal(head, number),
            *(frame.marshal(part, number) for part in parts),
        )
    )


@lru_cache(_ROUTES_REMEMBERED)
def _route(number: int, exchange: str, routing_key: str) -> bytes:
    publish = commands.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=True)
    return frame.marshal(publish, number)
