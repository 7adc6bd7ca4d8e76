"""A message to publish, and its frames in AMQP 0-9-1."""

import struct
from functools import lru_cache
from typing import Final, NamedTuple

from activation_contracts.envelope import CONTENT_TYPE, Envelope
from aio_pika import DeliveryMode
from pamqp import body, commands, frame, header
from pamqp.common import FieldTable

__all__ = [
    "ENCODING_ERRORS",
    "SHORT_STRING_MAXIMUM_BYTES",
    "Publication",
    "decode_properties",
    "encode_properties",
    "publication_of",
    "without_instructions",
]

SHORT_STRING_MAXIMUM_BYTES: Final = 255
"""The maximum length of a property of the AMQP type short string."""
FRAME_OVERHEAD_BYTES: Final = 8
"""The type, channel, length and end mark of each frame."""


BROKER_HEADERS: Final = ("CC", "BCC", "x-death")
"""Headers that the broker reads: further routing keys, and earlier deaths in its queues."""
ORIGINAL: Final = "x-original-"

ENCODING_ERRORS: Final = (ValueError, TypeError, OverflowError, RecursionError, struct.error)
"""What pamqp raises for a message that AMQP cannot express."""


def without_instructions(headers: FieldTable) -> FieldTable:
    """The headers of a message of others, which the worker passes on; `CC` is kept as a fact.

    Else a publisher could reach each queue through the worker, whose user may publish to all. And
    only a message that the broker itself has given up carries `x-death`.
    """
    return {
        f"{ORIGINAL}{name}" if name in BROKER_HEADERS else name: headers[name] for name in headers
    }


class Publication(NamedTuple):
    """A message with its destination; the broker returns it if it reaches no queue (mandatory)."""

    exchange: str
    routing_key: str
    properties: commands.Basic.Properties
    """The message id must be unique among the messages in flight on a channel: the library matches
    a returned message to its confirm by it. The broker acks a returned message too, so a return
    that matches no confirm would count as success."""
    body: bytes

    def marshal(self, channel_number: int, content_maximum_bytes: int) -> bytes:
        """Encodes all frames that publish the message on this channel.

        Raises ValueError if AMQP cannot express the message or its properties do not fit into a
        frame: the broker would close the connection at each attempt.
        """
        try:
            return b"".join(self._frames(channel_number, content_maximum_bytes))
        except ENCODING_ERRORS as error:
            raise ValueError(str(error)) from error

    def _frames(self, channel_number: int, content_maximum_bytes: int) -> list[bytes]:
        properties = frame.marshal(
            header.ContentHeader(body_size=len(self.body), properties=self.properties),
            channel_number,
        )
        properties_bytes = len(properties) - FRAME_OVERHEAD_BYTES
        if properties_bytes > content_maximum_bytes:
            message = f"its properties take {properties_bytes} bytes, more than fit into a frame"
            raise ValueError(message)
        parts = (
            self.body[start : start + content_maximum_bytes]
            for start in range(0, len(self.body), content_maximum_bytes)
        )
        return [
            _publish_frame(self.exchange, self.routing_key, channel_number),
            properties,
            *(frame.marshal(body.ContentBody(part), channel_number) for part in parts),
        ]


def publication_of(
    message: Envelope, *, exchange: str, routing_key: str, correlation_id: str
) -> Publication:
    """A message of the worker that survives a restart; its properties mirror the envelope."""
    properties = commands.Basic.Properties(
        content_type=CONTENT_TYPE,
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=message.id,
        message_type=message.type,
        correlation_id=correlation_id,
        timestamp=message.time,
    )
    return Publication(exchange, routing_key, properties, message.encode())


def encode_properties(properties: commands.Basic.Properties) -> bytes:
    """The properties as a content header of AMQP. Raises ValueError if it cannot express them."""
    try:
        return header.ContentHeader(properties=properties).marshal()
    except ENCODING_ERRORS as error:
        raise ValueError(str(error)) from error


def decode_properties(encoded: bytes) -> commands.Basic.Properties:
    """The properties that `encode_properties` encoded."""
    decoded = header.ContentHeader(properties=commands.Basic.Properties())
    decoded.unmarshal(encoded)
    return decoded.properties


@lru_cache(maxsize=1024)
def _publish_frame(exchange: str, routing_key: str, channel_number: int) -> bytes:
    """Encodes the method frame, which is the same for all messages to one destination."""
    publish = commands.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=True)
    return frame.marshal(publish, channel_number)
