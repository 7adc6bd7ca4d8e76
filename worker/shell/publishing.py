"""Messages to the broker, each with a word on what became of it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractMessage
from aio_pika.exceptions import (
    AMQPChannelError,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    DeliveryError,
    PublishError,
)
from aiormq.exceptions import ChannelAccessRefused

from contracts.envelope import CONTENT_TYPE
from worker.shell.broker import LOST, BrokerUnavailable, channel_on
from worker.shell.concurrency import cancelled
from worker.shell.database.outbox import OutgoingMessage

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
        together = [message for message in messages if message.position not in self._alone]
        groups = [together, *([item] for item in messages if item.position in self._alone)]
        found: dict[int, NotPublished | None] = {}
        for group in groups:
            problems = await self._together([self._publishing(message) for message in group])
            for message, problem in zip(group, problems, strict=True):
                if isinstance(problem, _ChannelLost) and len(group) > 1:
                    self._alone.add(message.position)
                    groups.append([message])
                else:
                    found[message.position] = _verdict(problem)
                    self._alone.discard(message.position)
        return [found[message.position] for message in messages]

    async def send(self, message: AbstractMessage, *, exchange: str, routing_key: str) -> None:
        """Publishes any message, mandatory; raises what `publish` returns or raises."""
        (problem,) = await self._together([lambda: self._send(message, exchange, routing_key)])
        verdict = _verdict(problem)
        if verdict is not None:
            raise verdict

    def _publishing(self, outgoing: OutgoingMessage) -> Callable[[], Awaitable[None]]:
        message = persistent(
            outgoing.body,
            message_id=outgoing.message_id,
            message_type=outgoing.message_type,
            correlation_id=outgoing.correlation_id,
        )
        message.timestamp = outgoing.decided_at
        if not outgoing.exchange:
            return lambda: self._reply(message, outgoing.routing_key)
        return lambda: self._send(message, outgoing.exchange, outgoing.routing_key)

    async def _together(
        self, publishing: Sequence[Callable[[], Awaitable[None]]]
    ) -> list[Exception | None]:
        if not publishing:
            return []
        await self.open()
        tasks = [asyncio.ensure_future(publish()) for publish in publishing]
        try:
            await self._until_done(tasks)
        finally:
            await cancelled(tasks)
        return [_problem(task, alive=not self._connection.is_closed) for task in tasks]

    async def _until_done(self, tasks: Sequence[asyncio.Future[None]]) -> None:
        while True:
            _, open_ones = await asyncio.wait(tasks, timeout=self._timeout_seconds)
            if not open_ones:
                return
            # One that timed out under an alarm is still delivered when the alarm is over: to
            # publish it again and again would only make copies.
            if not await self.is_blocked():
                raise BrokerUnavailable(
                    f"{len(open_ones)} messages were not confirmed in {self._timeout_seconds:g} s"
                )

    async def _send(self, message: AbstractMessage, exchange: str, routing_key: str) -> None:
        if self._channel is None:
            raise BrokerUnavailable("there is no channel")
        if exchange:
            target = await self._channel.get_exchange(exchange, ensure=False)
        else:
            target = self._channel.default_exchange
        try:
            await target.publish(message, routing_key, mandatory=True)
        except PublishError:
            raise Unroutable(f"{exchange!r} has no queue for {routing_key!r}") from None

    async def _reply(self, message: AbstractMessage, queue: str) -> None:
        # A courtesy: the event says the same. Whoever asked may be gone, and is not waited for.
        with contextlib.suppress(*LOST, BrokerUnavailable, ValueError):
            if self._replies is None or self._replies.is_closed:
                self._replies = await channel_on(self._connection)
            await self._replies.default_exchange.publish(message, queue, mandatory=False)


def _problem(task: asyncio.Future[None], *, alive: bool) -> Exception | None:
    """What a task says of its message; raises `BrokerUnavailable` when the connection is gone."""
    try:
        task.result()
    except NotPublished as problem:
        return problem
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
