"""Connects to RabbitMQ, and builds AMQP messages from bodies."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.connection import make_url
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from activation_contracts.amqp import properties_of
from activation_contracts.envelope import Envelope

__all__ = ["CONNECTION_ERRORS", "TIMEOUT_SECONDS", "connected", "persistent"]

TIMEOUT_SECONDS: Final = 10

CONNECTION_ERRORS: Final = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)
"""What a lost connection, or a broker that does not answer, raises."""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AbstractConnection]:
    """A connection without recovery; it is closed at the end."""
    connection = aio_pika.Connection(make_url(url))
    try:
        await connection.connect(timeout=TIMEOUT_SECONDS)
        yield connection
    finally:
        # Also after a failed `connect`, because the object counts as open.
        await connection.close()


def persistent(event: Envelope, body: bytes) -> aio_pika.Message:
    """The persistent AMQP message with this body, which holds the event."""
    return aio_pika.Message(body, **properties_of(event))
