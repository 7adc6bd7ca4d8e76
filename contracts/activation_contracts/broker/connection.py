"""Connects to RabbitMQ, and builds AMQP messages from bodies."""

import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.connection import make_url
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, InvalidFrameError

from activation_contracts.amqp import properties_of
from activation_contracts.envelope import Envelope

__all__ = [
    "CONNECTION_ERRORS",
    "TIMEOUT_SECONDS",
    "VirtualHostRefused",
    "connected",
    "persistent",
]

TIMEOUT_SECONDS: Final = 10
"""For the connection to be opened."""

CONNECTION_ERRORS: Final = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)
"""What a lost connection, or a broker that does not answer, raises."""


class VirtualHostRefused(ConnectionError):
    """The broker does not open the virtual host of the URL; the text names it and the remedy."""

    def __init__(self, name: str, user: str) -> None:
        host, account = shlex.quote(name), shlex.quote(user)
        super().__init__(
            f"the virtual host {name!r} does not exist, or the user {user!r} may not use it."
            f" Correct the virtual host of the URL, or create it: `rabbitmqctl add_vhost {host}`"
            f" and `rabbitmqctl set_permissions --vhost {host} {account} '.*' '.*' '.*'`"
        )


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AbstractConnection]:
    """A connection without recovery; it is closed at the end.

    Raises `VirtualHostRefused` and the other `CONNECTION_ERRORS`. The URL is valid: `is_amqp_url`.
    """
    connection = aio_pika.Connection(make_url(url))
    try:
        await _connect(connection)
        yield connection
    finally:
        # Also after a failed `connect`, because the object counts as open.
        await connection.close()


async def _connect(connection: aio_pika.Connection) -> None:
    try:
        await connection.connect(timeout=TIMEOUT_SECONDS)
    except InvalidFrameError as error:
        # aio-pika does not pass on the broker's reason for closing the connection at this step.
        if "Connection.OpenOk" in str(error):
            url = connection.url
            name = url.path.removeprefix("/").replace("%2F", "/") or "/"
            raise VirtualHostRefused(name, url.user or "guest") from error
        raise


def persistent(event: Envelope, body: bytes) -> aio_pika.Message:
    """The persistent AMQP message with this body, which holds the event."""
    return aio_pika.Message(body, **properties_of(event))
