"""Limits every wait for the broker: requests, and opening and closing connections and channels.

aiormq waits for some answers without limit, and cancels the waiting tasks when the connection ends.
"""

import contextlib
from collections.abc import Awaitable
from typing import Final, TypeVar

import aio_pika
from aio_pika.abc import ConnectionParameter, TimeoutType
from aio_pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelInvalidStateError,
    ConnectionClosed,
)
from aiormq.abc import ExceptionType
from typing_extensions import override

from worker.broker.connecting.refusals import BrokerUnavailable
from worker.runtime.concurrency import limited

__all__ = ["CONNECTION_ERRORS", "LimitedConnection", "answered", "closed_in_time"]

Answer = TypeVar("Answer")

ANSWER_TIMEOUT_SECONDS: Final = 15
"""For the answer to a request: a declaration in a cluster takes seconds."""
CLOSE_TIMEOUT_SECONDS: Final = 5
"""For the answer to the close of a channel or a connection."""
CONNECTION_ERRORS: Final = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)
"""The library raises these when a connection or channel is lost, or the broker does not answer."""


async def answered(request: Awaitable[Answer]) -> Answer:
    """The broker's answer to a request.

    Raises `BrokerUnavailable` if no answer comes in time, or if the connection or the channel ends
    before. Raises what the library raises if the broker refuses the request.
    """
    try:
        return await limited(request, ANSWER_TIMEOUT_SECONDS)
    except (AMQPConnectionError, ChannelInvalidStateError, OSError, TimeoutError) as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error


async def closed_in_time(closing: Awaitable[object]) -> None:
    """Closes a channel or a connection; without an answer it ends all the same."""
    with contextlib.suppress(*CONNECTION_ERRORS):
        await limited(closing, CLOSE_TIMEOUT_SECONDS)


class LimitedChannel(aio_pika.Channel):
    """A channel whose opening and closing end although the broker does not answer."""

    @override
    async def initialize(self, timeout: TimeoutType = None) -> None:
        """Opens the channel. Raises `BrokerUnavailable`, or what the broker refuses it with."""
        await answered(super().initialize(timeout))

    @override
    async def close(self, exc: ExceptionType | None = None) -> None:
        """Closes the channel; if the broker does not answer, it closes with its connection."""
        await closed_in_time(super().close(exc))


class LimitedConnection(aio_pika.Connection):
    """A connection whose closing ends although the broker does not answer, like its channels'.

    It passes on to the library what makes its transport.
    """

    CHANNEL_CLASS: type[aio_pika.Channel] = LimitedChannel
    PARAMETERS: tuple[ConnectionParameter, ...] = (
        ConnectionParameter(name="transport_factory", parser=lambda given: given, is_kwarg=True),
    )

    @override
    async def close(self, exc: ExceptionType | None = ConnectionClosed) -> None:
        """Closes the connection, in any case."""
        await closed_in_time(super().close(exc))
