"""A way out to the broker: one channel with confirms, and what became of each message on it."""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import (
    AMQPChannelError,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    DeliveryError,
    PublishError,
)
from aiormq.exceptions import ChannelAccessRefused

from worker.broker.batch_confirms import Confirm, ConfirmBatch, publish_together
from worker.broker.connection import (
    CONNECT_TIMEOUT_SECONDS,
    CONNECTION_ERRORS,
    BrokerUnavailable,
    channel_on,
)
from worker.broker.frames import Publication
from worker.runtime.concurrency import uninterrupted

if TYPE_CHECKING:
    from aiormq import Channel

__all__ = [
    "ChannelLost",
    "ConfirmChannel",
    "ExchangeNotFound",
    "Nacked",
    "NotPublished",
    "Unencodable",
    "Unroutable",
    "is_blocked",
]

SILENCE_SECONDS: Final = 30
"""How long nothing is sent to where nothing was confirmed."""


class NotPublished(Exception):
    """The broker has not taken the message; the text says why, for a person."""


class Unroutable(NotPublished):
    """It reached no queue."""


class Nacked(NotPublished):
    """A queue is full or not available, or permission is missing: it may succeed later."""


class ExchangeNotFound(Nacked):
    """Its exchange does not exist."""


class Unencodable(NotPublished):
    """It can never be sent as it is."""


class ChannelLost(Exception):
    """The broker closed the channel for the sake of one of the messages in flight on it."""

    def verdict(self) -> NotPublished:
        """What that means for a message that was alone on it."""
        (error,) = self.args
        if isinstance(error, ChannelNotFoundEntity):
            return ExchangeNotFound(str(error))
        if isinstance(error, ChannelAccessRefused):
            return Nacked(str(error))
        if isinstance(error, ChannelInvalidStateError):
            raise BrokerUnavailable(str(error)) from error
        return Unencodable(str(error))


class ConfirmChannel:
    """A channel for messages of one kind: what one kind suffers from its queues, no other does.

    It is opened again when the broker closes it. A queue without a majority of its nodes confirms
    nothing, and the broker's channel stands still over it: then that channel is left to itself,
    and what goes the same way is not sent for a while.
    """

    def __init__(self, connection: AbstractConnection, timeout_seconds: float) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._channel: AbstractChannel | None = None
        self._silent_until: dict[str, float] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def publish(
        self, publications: Sequence[Publication]
    ) -> list[NotPublished | ChannelLost | None]:
        """All in flight together; for each, why it was not confirmed, or None where it was.

        A broker that is blocked is waited for. Raises `BrokerUnavailable` when nobody can say what
        became of them.
        """
        going = [item for item in publications if not self._is_silent(item.routing_key)]
        found = dict(zip(map(id, going), await self._send(going), strict=True))
        silent = Nacked(f"nothing was confirmed on this way; tried again in {SILENCE_SECONDS} s")
        return [found.get(id(item), silent) for item in publications]

    async def close(self) -> None:
        """Closes its channel; the next message would open another."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await _close(channel)

    def _is_silent(self, routing_key: str) -> bool:
        return monotonic() < self._silent_until.get(routing_key, 0)

    async def _send(
        self, publications: Sequence[Publication]
    ) -> list[NotPublished | ChannelLost | None]:
        if not publications:
            return []
        wave = await self._begin(publications)
        unconfirmed = await self._until_known(wave)
        both = list(zip(wave.confirms, publications, strict=True))
        if unconfirmed:
            self._leave(
                publication.routing_key for confirm, publication in both if confirm in unconfirmed
            )
        alive = not self._connection.is_closed
        return [_problem(confirm, publication, alive=alive) for confirm, publication in both]

    async def _begin(self, publications: Sequence[Publication]) -> ConfirmBatch:
        if self._channel is None or self._channel.is_closed:
            self._channel = await channel_on(self._connection, on_return_raises=True)
        try:
            underlay = cast("Channel", await self._channel.get_underlay_channel())
            return await publish_together(underlay, publications)
        except ChannelInvalidStateError as error:
            raise BrokerUnavailable("the channel is closed") from error

    async def _until_known(self, wave: ConfirmBatch) -> Collection[Confirm]:
        """Waits for the confirms; those that the broker owes us though it answers."""
        while True:
            await asyncio.wait([wave.known], timeout=self._timeout_seconds)
            if wave.known.done():
                return ()
            # One that timed out under an alarm is still delivered when the alarm is over: to
            # publish it again and again would only make copies.
            if is_blocked(self._connection):
                continue
            problem = f"not confirmed in {self._timeout_seconds:g} s"
            # Cancelled in the middle, the library may take no notice of it.
            await uninterrupted(self._require_answer(problem))
            # Some may have been confirmed while we asked.
            open_ones = wave.open_confirms
            for confirm in open_ones:
                confirm.set_exception(Nacked(problem))
            return open_ones

    async def _require_answer(self, problem: str) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                channel = await channel_on(self._connection)
                await channel.close()
        except CONNECTION_ERRORS as error:
            raise BrokerUnavailable(problem) from error

    def _leave(self, routing_keys: Iterable[str]) -> None:
        self._silent_until.update(dict.fromkeys(routing_keys, monotonic() + SILENCE_SECONDS))
        channel, self._channel = self._channel, None
        if channel is not None:
            task = asyncio.create_task(_close(channel))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def is_blocked(connection: AbstractConnection) -> bool:
    """Whether the broker is short of memory or disk, and reads nothing from publishers."""
    if connection.is_closed or connection.transport is None:
        return False
    # The library only lets us wait for it: so this begins to, and looks whether it would.
    ready = connection.transport.connection.ready()
    try:
        ready.send(None)
    except StopIteration:
        return False
    ready.close()
    return True


async def _close(channel: AbstractChannel) -> None:
    with contextlib.suppress(*CONNECTION_ERRORS, asyncio.CancelledError):
        await channel.close()


def _problem(
    confirm: Confirm, publication: Publication, *, alive: bool
) -> NotPublished | ChannelLost | None:
    """What became of a message; raises `BrokerUnavailable` when the connection is gone."""
    try:
        confirm.result()
    except NotPublished as problem:
        return problem
    except DeliveryError as error:
        return _refused(error, publication)
    except (AMQPChannelError, ChannelInvalidStateError) as error:
        if alive:
            return ChannelLost(error)
        raise BrokerUnavailable(str(error)) from error
    except (*CONNECTION_ERRORS, asyncio.CancelledError) as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error
    except ValueError as error:
        # Never written: it cannot be said in AMQP at all.
        return Unencodable(f"it cannot be encoded: {error}")
    return None


def _refused(error: DeliveryError, publication: Publication) -> NotPublished:
    if isinstance(error, PublishError):
        return Unroutable(f"{publication.exchange!r} has no queue for {publication.routing_key!r}")
    return Nacked(f"the broker refused it: {type(error).__name__}")
