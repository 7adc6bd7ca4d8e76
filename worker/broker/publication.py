"""A message as it is published, and its frames in AMQP 0-9-1."""

import struct
from typing import Final, NamedTuple

from pamqp import body, commands, frame, header

__all__ = ["SHORT_STRING_MAXIMUM_BYTES", "Publication"]

SHORT_STRING_MAXIMUM_BYTES: Final = 255
"""The longest a property of the type short string can be in AMQP."""
FRAME_OVERHEAD_BYTES: Final = 8
"""Of each frame: its type, channel, length and end mark."""


class Publication(NamedTuple):
    """A message and where it goes; the broker returns it if no queue takes it (mandatory)."""

    exchange: str
    routing_key: str
    properties: commands.Basic.Properties
    """Its message id must be unique among the messages in flight on a channel: the library matches
    a returned message to its confirm by it. Otherwise an ack would follow a return for success."""
    body: bytes

    def marshal(self, channel_number: int, content_maximum_bytes: int) -> bytes:
        """All frames that publish it on that channel.

        Raises ValueError where AMQP cannot express it, or its properties do not fit into a frame:
        the broker would close the connection for it, at each attempt again.
        """
        try:
            return b"".join(self._frames(channel_number, content_maximum_bytes))
        except (TypeError, OverflowError, struct.error) as error:
            raise ValueError(str(error)) from error

    def _frames(self, channel_number: int, content_maximum_bytes: int) -> list[bytes]:
        publish = commands.Basic.Publish(
            exchange=self.exchange, routing_key=self.routing_key, mandatory=True
        )
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
            frame.marshal(publish, channel_number),
            properties,
            *(frame.marshal(body.ContentBody(part), channel_number) for part in parts),
        ]
