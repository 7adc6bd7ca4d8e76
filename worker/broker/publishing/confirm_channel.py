"""A channel with publisher confirms, and the outcome of each message that was published on it."""

import asyncio
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

from worker.broker.connecting.connection import (
    CONNECTION_ERRORS,
    BrokerUnavailable,
    channel_on,
)
from worker.broker.publishing.alarms import ALARM, is_blocked
from worker.broker.publishing.batch_confirms import Confirm, ConfirmBatch, publish_batch
from worker.broker.publishing.publication import Publication
from worker.runtime.concurrency import uninterrupted

if TYPE_CHECKING:
    from aiormq import Channel

__all__ = [
    "ChannelLost",
    "ConfirmChannel",
    "ExchangeNotFound",
    "Nacked",
    "NotPublished",
    "QueueRefused",
    "Unencodable",
    "Unroutable",
]

BLOCKED_POLL_SECONDS: Final = 0.1
CIRCUIT_OPEN_SECONDS: Final = 30
"""How long the circuit breaker stays open for a routing key whose confirm did not come."""


class NotPublished(Exception):
    """The broker has not accepted the message; the text says why, for an operator."""


class Unroutable(NotPublished):
    """The message reached no queue."""


class Nacked(NotPublished):
    """A queue is full or unavailable, or a permission is missing: a later attempt may succeed."""


class QueueRefused(Nacked):
    """A queue refused the message: it is full, or unavailable. AMQP tells no reason."""


class ExchangeNotFound(Nacked):
    """The message's exchange does not exist."""


class Unencodable(NotPublished):
    """AMQP cannot express the message: every attempt to publish it fails."""


class ChannelLost(Exception):
    """The broker closed the channel because of one of the messages in flight on it."""

    def verdict(self) -> NotPublished:
        """The outcome of a message that was the only one in flight; raises `BrokerUnavailable`."""
        (error,) = self.args
        if isinstance(error, ChannelNotFoundEntity):
            return ExchangeNotFound(str(error))
        if isinstance(error, ChannelAccessRefused):
            return Nacked(str(error))
        if isinstance(error, ChannelInvalidStateError):
            raise BrokerUnavailable(str(error)) from error
        return Unencodable(str(error))


class ConfirmChannel:
    """A channel for messages of one kind, so that a slow queue delays no other kind.

    Opens a new channel after the broker has closed one, or refused a message. A queue without a
    majority of its nodes confirms nothing, and blocks the broker's side of the channel. Then the
    circuit breaker opens for the routing keys without a confirm, and the next message gets a new
    channel.
    """

    def __init__(
        self,
        connection: AbstractConnection,
        timeout_seconds: float,
        *,
        waits_while_blocked: bool = True,
    ) -> None:
        """Without `waits_while_blocked` an alarm of the broker counts as `BrokerUnavailable`."""
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._waits_while_blocked = waits_while_blocked
        self._channel: AbstractChannel | None = None
        self._open_until: dict[str, float] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def publish(
        self, publications: Sequence[Publication]
    ) -> list[NotPublished | ChannelLost | None]:
        """Publishes all of them, all in flight together.

        Returns for each why it was not confirmed, or None. Waits while an alarm blocks the broker.
        Raises `BrokerUnavailable` when the outcome is unknown.
        """
        allowed = [item for item in publications if not self._is_open(item.routing_key)]
        outcomes = dict(zip(map(id, allowed), await self._publish(allowed), strict=True))
        held_back = Nacked(
            f"no confirm came for this routing key; tried again in {CIRCUIT_OPEN_SECONDS} s"
        )
        return [outcomes.get(id(item), held_back) for item in publications]

    async def close(self) -> None:
        """Closes the channel; the next message opens a new one."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def _is_open(self, routing_key: str) -> bool:
        """Whether the circuit breaker is open for this routing key: its messages are held back."""
        return monotonic() < self._open_until.get(routing_key, 0)

    async def _publish(
        self, publications: Sequence[Publication]
    ) -> list[NotPublished | ChannelLost | None]:
        if not publications:
            return []
        batch = await self._write(publications)
        overdue = await self._wait_for_confirms(batch)
        pairs = list(zip(batch.confirms, publications, strict=True))
        if overdue:
            self._trip(
                publication.routing_key for confirm, publication in pairs if confirm in overdue
            )
        is_connected = not self._connection.is_closed
        outcomes = [
            _outcome(confirm, publication, is_connected=is_connected)
            for confirm, publication in pairs
        ]
        if any(isinstance(outcome, Nacked) for outcome in outcomes):
            # To a channel that a full queue has refused, it is full until messages are consumed,
            # even when its limit is removed.
            self._replace_channel()
        return outcomes

    async def _write(self, publications: Sequence[Publication]) -> ConfirmBatch:
        if self._channel is None or self._channel.is_closed:
            await self._wait_while_blocked()
            self._channel = await channel_on(self._connection, on_return_raises=True)
        try:
            underlay = cast("Channel", await self._channel.get_underlay_channel())
            return await publish_batch(underlay, publications)
        except ChannelInvalidStateError as error:
            raise BrokerUnavailable("the channel is closed") from error

    async def _wait_for_confirms(self, batch: ConfirmBatch) -> Collection[Confirm]:
        """Waits for the confirms; returns the overdue ones of a broker that still answers."""
        while True:
            await asyncio.wait([batch.settled], timeout=self._timeout_seconds)
            if batch.settled.done():
                return ()
            # A message that is published during an alarm is delivered after it: publishing it again
            # would only make copies.
            if is_blocked(self._connection):
                await self._wait_while_blocked()
                continue
            problem = f"not confirmed in {self._timeout_seconds:g} s"
            # The library may ignore a cancellation during this call.
            await uninterrupted(self._require_answer(problem))
            # Some may have been confirmed meanwhile.
            open_confirms = batch.open_confirms
            for confirm in open_confirms:
                confirm.set_exception(Nacked(problem))
            return open_confirms

    async def _wait_while_blocked(self) -> None:
        # A broker that reads nothing opens no channel either.
        while is_blocked(self._connection):
            if not self._waits_while_blocked:
                raise BrokerUnavailable(ALARM)
            await asyncio.sleep(BLOCKED_POLL_SECONDS)

    async def _require_answer(self, problem: str) -> None:
        """Raises `BrokerUnavailable` if the broker does not open another channel in time."""
        try:
            channel = await channel_on(self._connection)
        except BrokerUnavailable as error:
            raise BrokerUnavailable(problem) from error
        await channel.close()

    def _trip(self, routing_keys: Iterable[str]) -> None:
        self._open_until.update(dict.fromkeys(routing_keys, monotonic() + CIRCUIT_OPEN_SECONDS))
        self._replace_channel()

    def _replace_channel(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            task = asyncio.create_task(_close(channel))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _close(channel: AbstractChannel) -> None:
    await channel.close()


def _outcome(
    confirm: Confirm, publication: Publication, *, is_connected: bool
) -> NotPublished | ChannelLost | None:
    """Why the message was not confirmed, or None; raises `BrokerUnavailable` if unknown."""
    try:
        confirm.result()
    except NotPublished as problem:
        return problem
    except DeliveryError as error:
        return _rejected(error, publication)
    except (AMQPChannelError, ChannelInvalidStateError) as error:
        if is_connected:
            return ChannelLost(error)
        raise BrokerUnavailable(str(error)) from error
    except (*CONNECTION_ERRORS, asyncio.CancelledError) as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error
    except ValueError as error:
        return Unencodable(f"it cannot be encoded: {error}")
    return None


def _rejected(error: DeliveryError, publication: Publication) -> NotPublished:
    if isinstance(error, PublishError):
        return Unroutable(f"{publication.exchange!r} has no queue for {publication.routing_key!r}")
    queue = (
        f"a queue of {publication.exchange!r} for {publication.routing_key!r}"
        if publication.exchange
        else f"the queue {publication.routing_key!r}"
    )
    return QueueRefused(
        f"{queue} refused it: it is full, limited by a policy, or unavailable (RabbitMQ does not"
        " say which)"
    )
