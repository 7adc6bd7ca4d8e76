"""The router: commands from the command queue to the queues of their partitions, in order.

It judges nothing. A command that it cannot read goes to partition 0, whose consumer finds the same
and dead-letters it.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from contracts.reading import BODY_MAXIMUM_BYTES
from worker.broker.confirm_channel import (
    ChannelLost,
    ConfirmChannel,
    ExchangeNotFound,
    NotPublished,
    Unencodable,
    Unroutable,
)
from worker.broker.connection import BrokerUnavailable
from worker.broker.delivery import Delivery
from worker.broker.forwarding import forwarded, stripped
from worker.broker.partition_queues import PARTITION_EXCHANGE, queue_name_of
from worker.broker.publication import Publication
from worker.broker.session import BrokerSession
from worker.consuming.consumer import Consumer
from worker.core.partitions import partition_of
from worker.runtime.concurrency import first_of
from worker.telemetry.logs import Action, get_logger

__all__ = ["Addressed", "PartitionRouter", "address_of"]

TRY_AGAIN_SECONDS: Final = 1


class Addressed(NamedTuple):
    """A message and its partition."""

    delivery: Delivery
    partition: int
    phone_number: str | None
    """None where it cannot be read: such a message needs no order."""

    @property
    def names(self) -> set[str]:
        """What no other message in flight may share with it."""
        return {name for name in (self.phone_number, self.delivery.properties.message_id) if name}


class PartitionRouter:
    """Routes what its consumer receives, until that is closed or the session is lost."""

    def __init__(
        self,
        consumer: Consumer,
        link: BrokerSession,
        outlet: ConfirmChannel,
        *,
        partitions: int,
        batch_maximum_messages: int,
        routed: Callable[[int, int], None],
        exchange: str = PARTITION_EXCHANGE,
    ) -> None:
        """`routed` is called with a partition and how many commands its queue has taken."""
        self.consumer = consumer
        """The consumer."""
        self._link = link
        self._outlet = outlet
        self._partitions = partitions
        self._batch_maximum_messages = batch_maximum_messages
        self._routed = routed
        self._exchange = exchange

    async def run(self) -> None:
        """Routes batch after batch until the consumer is closed, and acknowledges the last."""
        await self.consumer.start()
        while await self.consumer.wait():
            await self.route_next()

    async def route_next(self, at_most: int | None = None) -> None:
        """Routes the next batch of what waits, of so many messages at most."""
        limit = self._batch_maximum_messages
        await self._route(self._next(limit if at_most is None else min(limit, at_most)))

    def _next(self, at_most: int) -> list[Addressed]:
        """The next messages that may be in flight together: no number twice, and no id.

        So no message is overtaken by a later one of its number, and the broker names the message
        that it returns by its id.
        """
        known: set[str] = set()
        found: list[Addressed] = []
        while self.consumer.waiting and len(found) < at_most:
            addressed = address_of(self.consumer.waiting[0], self._partitions)
            if not known.isdisjoint(addressed.names):
                break
            known |= addressed.names
            found.append(addressed)
            self.consumer.waiting.popleft()
        return found

    async def _route(self, batch: Sequence[Addressed]) -> None:
        publications = [
            forwarded(
                item.delivery,
                exchange=self._exchange,
                routing_key=queue_name_of(item.partition, self._partitions),
            )
            for item in batch
        ]
        if await self._publish(publications):
            await self.consumer.ack([item.delivery for item in batch])
            self.consumer.handled(len(batch))
            for partition, messages in Counter(item.partition for item in batch).items():
                self._routed(partition, messages)

    async def _publish(self, publications: Sequence[Publication]) -> bool:
        """Whether the queues have all of them; False where the consumer was closed before.

        Raises `BrokerUnavailable`.
        """
        open_ones = list(publications)
        while open_ones:
            open_ones = await self._left_of(open_ones)
            if open_ones:
                await first_of(asyncio.sleep(TRY_AGAIN_SECONDS), self.consumer.closing.wait())
            if open_ones and self.consumer.closing.is_set():
                return False
        return True

    async def _left_of(self, publications: Sequence[Publication]) -> list[Publication]:
        """Publishes all; those that were not confirmed, as they are to be published next."""
        left = []
        alone = []
        problems = await self._outlet.publish(publications)
        for publication, problem in zip(publications, problems, strict=True):
            if isinstance(problem, ChannelLost) and len(publications) > 1:
                alone.append(publication)
            elif problem is not None:
                left.append(self._once_more(publication, problem))
        for publication in alone:
            left += await self._left_of([publication])
        return left

    def _once_more(
        self, publication: Publication, problem: NotPublished | ChannelLost
    ) -> Publication:
        """What to publish instead, after a pause. Raises `BrokerUnavailable`."""
        verdict = problem.verdict() if isinstance(problem, ChannelLost) else problem
        get_logger().error(
            Action.MESSAGE_UNDELIVERED,
            message_id=publication.properties.message_id,
            message_type=publication.properties.message_type,
            reason=str(verdict),
        )
        if isinstance(verdict, Unroutable | ExchangeNotFound):
            # The number of partitions has changed, or a queue was deleted: a new session of this
            # worker begins with the present layout and its declarations.
            self._link.fail(str(verdict))
            raise BrokerUnavailable(str(verdict))
        return stripped(publication) if isinstance(verdict, Unencodable) else publication


def address_of(delivery: Delivery, partitions: int) -> Addressed:
    """The message with its partition; partition 0 where it cannot be read."""
    place = _place_in(delivery.body)
    if place is None:
        return Addressed(delivery, 0, None)
    partition_key, phone_number = place
    return Addressed(delivery, partition_of(partition_key, partitions), phone_number)


def _place_in(body: bytes) -> tuple[str, str] | None:
    """Partition key and number, from the payload: the decision goes by it, not by the envelope."""
    if len(body) > BODY_MAXIMUM_BYTES:
        return None
    try:
        data = json.loads(body)["data"]
        found = (data["account_id"], data["site_id"], data["phone_number"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    if not all(isinstance(value, str) for value in found):
        return None
    account_id, site_id, phone_number = found
    return f"{account_id}/{site_id}", phone_number
