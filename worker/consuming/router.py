"""Routes commands from the command queue to the queues of their partitions, in order.

The router does not validate. It routes a command that it cannot read to partition 0, whose consumer
dead-letters it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from worker.broker.connecting.connection import BrokerUnavailable
from worker.broker.delivery import Delivery
from worker.broker.forwarding import forwarded, stripped
from worker.broker.partition_queues import PARTITION_EXCHANGE
from worker.broker.publishing.confirm_channel import (
    ChannelLost,
    ConfirmChannel,
    ExchangeNotFound,
    NotPublished,
    Unencodable,
    Unroutable,
)
from worker.broker.publishing.publication import Publication
from worker.broker.session import BrokerSession
from worker.consuming.consumer import Consumer
from worker.consuming.ordering.command_keys import read_keys
from worker.core.partitions import partition_of
from worker.runtime.concurrency import first_of
from worker.telemetry.logs import Action, get_logger

__all__ = ["Addressed", "PartitionRouter", "address_of"]

RETRY_SECONDS: Final = 1


class Addressed(NamedTuple):
    """A message with its partition."""

    delivery: Delivery
    partition: int
    phone_number: str | None
    """None if the message cannot be read: then its order does not matter."""

    @property
    def exclusive_keys(self) -> set[str]:
        """Its number and message id; no two messages in flight may share one."""
        return {key for key in (self.phone_number, self.delivery.properties.message_id) if key}


class PartitionRouter:
    """Routes the messages of a consumer until the consumer is closed or the session fails."""

    def __init__(
        self,
        consumer: Consumer,
        session: BrokerSession,
        channel: ConfirmChannel,
        *,
        queues: Sequence[str],
        batch_maximum_messages: int,
        on_routed: Callable[[int, int], None],
        exchange: str = PARTITION_EXCHANGE,
    ) -> None:
        """Routes to these queues, one for each partition.

        Calls `on_routed` with a partition and how many commands its queue has confirmed.
        """
        self._consumer = consumer
        self._session = session
        self._channel = channel
        self._queues = queues
        self._batch_maximum_messages = batch_maximum_messages
        self._on_routed = on_routed
        self._exchange = exchange

    async def run(self) -> None:
        """Routes and acknowledges batch after batch until the consumer is closed."""
        await self._consumer.start()
        while await self._consumer.wait():
            await self.route_next()

    async def route_next(self, at_most: int | None = None) -> None:
        """Routes the next batch of the waiting messages, with at most this many messages."""
        limit = self._batch_maximum_messages
        await self._route(self._take_batch(limit if at_most is None else min(limit, at_most)))

    def _take_batch(self, at_most: int) -> list[Addressed]:
        """Takes the next messages that may be in flight together: no number and no id twice.

        So no message overtakes an earlier one of its number, and a message that the broker returns
        is identified by its id.
        """
        keys: set[str] = set()
        batch: list[Addressed] = []
        waiting = self._consumer.waiting
        while waiting and len(batch) < at_most:
            addressed = address_of(next(iter(waiting)), len(self._queues))
            if not keys.isdisjoint(addressed.exclusive_keys):
                break
            keys |= addressed.exclusive_keys
            batch.append(addressed)
            self._consumer.take(1)
        return batch

    async def _route(self, batch: Sequence[Addressed]) -> None:
        publications = [
            forwarded(
                item.delivery,
                exchange=self._exchange,
                routing_key=self._queues[item.partition],
            )
            for item in batch
        ]
        if await self._publish(publications):
            await self._consumer.ack([item.delivery for item in batch])
            self._consumer.handled(len(batch))
            for partition, messages in Counter(item.partition for item in batch).items():
                self._on_routed(partition, messages)

    async def _publish(self, publications: Sequence[Publication]) -> bool:
        """Publishes until the queues have confirmed all; False if the consumer is closed before.

        Raises `BrokerUnavailable`.
        """
        unconfirmed = list(publications)
        while unconfirmed:
            unconfirmed = await self._publish_once(unconfirmed)
            if unconfirmed:
                await first_of(asyncio.sleep(RETRY_SECONDS), self._consumer.closing.wait())
            if unconfirmed and self._consumer.closing.is_set():
                return False
        return True

    async def _publish_once(self, publications: Sequence[Publication]) -> list[Publication]:
        """Publishes all; returns those that were not confirmed, in the form to publish next."""
        unconfirmed = []
        unknown = []
        problems = await self._channel.publish(publications)
        for publication, problem in zip(publications, problems, strict=True):
            if isinstance(problem, ChannelLost) and len(publications) > 1:
                unknown.append(publication)
            elif problem is not None:
                unconfirmed.append(self._next_attempt(publication, problem))
        for publication in unknown:
            unconfirmed += await self._publish_once([publication])
        return unconfirmed

    def _next_attempt(
        self, publication: Publication, problem: NotPublished | ChannelLost
    ) -> Publication:
        """Logs the problem; returns the publication to try next. Raises `BrokerUnavailable`."""
        verdict = problem.verdict() if isinstance(problem, ChannelLost) else problem
        get_logger().error(
            Action.MESSAGE_UNDELIVERED,
            message_id=publication.properties.message_id,
            message_type=publication.properties.message_type,
            reason=str(verdict),
        )
        if isinstance(verdict, Unroutable | ExchangeNotFound):
            # The number of partitions has changed, or a queue was deleted: a new session reads the
            # present layout and declares its queues.
            self._session.fail(str(verdict))
            raise BrokerUnavailable(str(verdict))
        return stripped(publication) if isinstance(verdict, Unencodable) else publication


def address_of(delivery: Delivery, partitions: int) -> Addressed:
    """The message with its partition; partition 0 if the message cannot be read."""
    keys = read_keys(delivery)
    if keys is None:
        return Addressed(delivery, 0, None)
    return Addressed(delivery, partition_of(keys.partition_key, partitions), keys.phone_number)
