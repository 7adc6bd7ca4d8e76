"""Messages to the broker, each with a word on what became of it."""

import asyncio
import contextlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import cast

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractMessage
from aio_pika.exceptions import (
    AMQPChannelError,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    DeliveryError,
    PublishError,
)
from aiormq import Channel, spec
from aiormq.exceptions import ChannelAccessRefused

from contracts.envelope import CONTENT_TYPE
from worker.shell.broker import LOST, BrokerUnavailable, channel_on
from worker.shell.database.outbox import OutgoingMessage
from worker.shell.pipeline import Confirm, Publication, publish_together

__all__ = [
    "NotPublished",
    "NotTaken",
    "Publisher",
    "TargetMissing",
    "Unroutable",
    "Unsendable",
    "persistent",
]


class NotPublished(Exception):
    """The broker has not taken the message; the text says why, for a person."""


class Unroutable(NotPublished):
    """It reached no queue."""


class NotTaken(NotPublished):
    """A queue is full or not available, or permission is missing: it may succeed later."""


class TargetMissing(NotTaken):
    """Its exchange does not exist."""


class Unsendable(NotPublished):
    """It can never be sent as it is."""


class _ChannelLost(Exception):
    """The broker closed the channel for the sake of one of the messages in flight on it."""


def persistent(
    body: bytes, *, message_id: str, message_type: str, correlation_id: str
) -> aio_pika.Message:
    """A message that survives a restart of the broker, its properties mirroring the envelope."""
    return aio_pika.Message(
        body,
        content_type=CONTENT_TYPE,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=message_id,
        type=message_type,
        correlation_id=correlation_id,
    )


class Publisher:
    """Publishes with confirms, on a channel that is opened again when the broker closes it.

    The broker closes a channel for one bad message and answers none of the others that were in
    flight: those are published once more, each alone, until the bad one has betrayed itself.
    `alone` holds their positions and outlives a publisher: what the library still writes on the
    closed channel often costs the connection too (504, "expected 'channel.open'").
    """

    def __init__(
        self, connection: AbstractConnection, timeout_seconds: float, *, alone: set[int]
    ) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._alone = alone
        self._channel: AbstractChannel | None = None
        # Replies go to queues that strangers name: what goes wrong there stays there.
        self._replies: AbstractChannel | None = None

    async def open(self) -> None:
        """Opens the channel, or again if the broker has closed it."""
        if self._channel is None or self._channel.is_closed:
            self._channel = await channel_on(self._connection, on_return_raises=True)

    async def is_blocked(self) -> bool:
        """Whether the broker is short of memory or disk, and reads nothing from publishers."""
        if self._connection.is_closed or self._connection.transport is None:
            return False
        ready = asyncio.ensure_future(self._connection.transport.connection.ready())
        await asyncio.wait([ready], timeout=0)
        ready.cancel()
        return not ready.done()

    async def publish(self, messages: Sequence[OutgoingMessage]) -> list[NotPublished | None]:
        """Side by side; for each, why the broker has not confirmed it, or None where it has.

        A broker that is blocked is waited for. Raises `BrokerUnavailable` when nobody can say what
        became of them: they may be there, and are sent again with their ids.
        """
        replying = await self._reply([message for message in messages if not message.exchange])
        found = await self._publish([message for message in messages if message.exchange])
        await self._until_done(replying)
        return [found.get(message.position) for message in messages]

    async def send(self, message: AbstractMessage, *, exchange: str, routing_key: str) -> None:
        """Publishes any message, mandatory; raises what `publish` returns or raises."""
        publication = Publication(exchange, routing_key, message.properties, message.body)
        (problem,) = await self._together([publication])
        verdict = _verdict(problem)
        if verdict is not None:
            raise verdict

    async def _publish(self, messages: Sequence[OutgoingMessage]) -> dict[int, NotPublished | None]:
        together = [message for message in messages if message.position not in self._alone]
        groups = [together, *([item] for item in messages if item.position in self._alone)]
        found: dict[int, NotPublished | None] = {}
        for group in groups:
            problems = await self._together(list(map(_publication, group)))
            for message, problem in zip(group, problems, strict=True):
                if isinstance(problem, _ChannelLost) and len(group) > 1:
                    self._alone.add(message.position)
                    groups.append([message])
                else:
                    found[message.position] = _verdict(problem)
                    self._alone.discard(message.position)
        return found

    async def _together(self, publications: Sequence[Publication]) -> list[Exception | None]:
        if not publications:
            return []
        await self.open()
        confirms = await _begin(self._channel, publications)
        await self._until_done(confirms)
        alive = not self._connection.is_closed
        return [
            _problem(confirm, publication, alive=alive)
            for confirm, publication in zip(confirms, publications, strict=True)
        ]

    async def _until_done(self, confirms: Sequence[Confirm]) -> None:
        open_ones: AbstractSet[Confirm] = {*confirms}
        while open_ones:
            _, open_ones = await asyncio.wait(open_ones, timeout=self._timeout_seconds)
            # One that timed out under an alarm is still delivered when the alarm is over: to
            # publish it again and again would only make copies.
            if open_ones and not await self.is_blocked():
                raise BrokerUnavailable(
                    f"{len(open_ones)} messages were not confirmed in {self._timeout_seconds:g} s"
                )

    async def _reply(self, messages: Sequence[OutgoingMessage]) -> Sequence[Confirm]:
        # A courtesy: the event says the same. Whoever asked may be gone, and is not waited for.
        with contextlib.suppress(*LOST, BrokerUnavailable):
            if messages and (self._replies is None or self._replies.is_closed):
                self._replies = await channel_on(self._connection)
            if messages:
                return await _begin(self._replies, list(map(_publication, messages)))
        return []


def _publication(message: OutgoingMessage) -> Publication:
    return Publication(
        message.exchange,
        message.routing_key,
        spec.Basic.Properties(
            content_type=CONTENT_TYPE,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=message.message_id,
            message_type=message.message_type,
            correlation_id=message.correlation_id,
            timestamp=message.decided_at,
        ),
        message.body,
        mandatory=bool(message.exchange),
    )


async def _begin(
    channel: AbstractChannel | None, publications: Sequence[Publication]
) -> list[Confirm]:
    if channel is None:
        raise BrokerUnavailable("there is no channel")
    try:
        underlay = cast("Channel", await channel.get_underlay_channel())
        return await publish_together(underlay, publications)
    except ChannelInvalidStateError as error:
        raise BrokerUnavailable("the channel is closed") from error


def _problem(confirm: Confirm, publication: Publication, *, alive: bool) -> Exception | None:
    """What became of a message; raises `BrokerUnavailable` when the connection is gone."""
    try:
        confirm.result()
    except PublishError:
        return Unroutable(f"{publication.exchange!r} has no queue for {publication.routing_key!r}")
    except DeliveryError as error:
        return NotTaken(f"the broker refused it: {type(error).__name__}")
    except (AMQPChannelError, ChannelInvalidStateError) as error:
        if alive:
            return _ChannelLost(error)
        raise BrokerUnavailable(str(error)) from error
    except (*LOST, asyncio.CancelledError) as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error
    except (ValueError, TypeError, OverflowError) as error:
        # Never written: it cannot be said in AMQP at all.
        return Unsendable(f"it cannot be encoded: {error}")
    return None


def _verdict(problem: Exception | None) -> NotPublished | None:
    if not isinstance(problem, _ChannelLost):
        return problem if isinstance(problem, NotPublished) else None
    (error,) = problem.args
    if isinstance(error, ChannelNotFoundEntity):
        return TargetMissing(str(error))
    if isinstance(error, ChannelAccessRefused):
        return NotTaken(str(error))
    if isinstance(error, ChannelInvalidStateError):
        raise BrokerUnavailable(str(error)) from error
    return Unsendable(str(error))
