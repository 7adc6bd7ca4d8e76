"""Where there are several lanes: commands in from their one queue, and out to the queues of lanes.

It judges nothing. What it cannot read goes to lane 0, whose intake finds the same and says so.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
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
from worker.broker.lane_queues import LANE_EXCHANGE, queue_name_of
from worker.broker.publication import Publication
from worker.broker.session import BrokerSession
from worker.consuming.consumer import Consumer
from worker.core.lanes import lane_of
from worker.runtime.concurrency import first_of
from worker.telemetry.logs import Action, get_logger
from worker.telemetry.metrics import Metrics

__all__ = ["Addressed", "Distribution", "address_of"]

TRY_AGAIN_SECONDS: Final = 1


class Addressed(NamedTuple):
    """A message, and where it goes."""

    delivery: Delivery
    lane: int
    phone_number: str | None
    """None where that cannot be read: then nothing is in order with it."""

    @property
    def names(self) -> set[str]:
        """What it may not share with another that is on its way."""
        return {name for name in (self.phone_number, self.delivery.properties.message_id) if name}


class Distribution:
    """Hands on what its inbox is given, until that is closed or the link is lost."""

    def __init__(
        self,
        inbox: Consumer,
        link: BrokerSession,
        outlet: ConfirmChannel,
        *,
        lanes: int,
        batch_maximum_messages: int,
        metrics: Metrics,
    ) -> None:
        self.inbox = inbox
        """What it was given."""
        self._link = link
        self._outlet = outlet
        self._lanes = lanes
        self._batch_maximum_messages = batch_maximum_messages
        self._metrics = metrics

    async def run(self) -> None:
        """Hands on batch after batch until the inbox is closed, and acknowledges the last."""
        await self.inbox.start()
        while await self.inbox.wait():
            await self._hand_on_next()

    async def _hand_on_next(self) -> None:
        await self._hand_on(self._next())

    def _next(self) -> list[Addressed]:
        """The next that may be on their way together: no number twice, and no id.

        So a message that does not get through is never overtaken by a later one of its number; and
        the broker names one that it gives back by its id.
        """
        known: set[str] = set()
        found: list[Addressed] = []
        while self.inbox.waiting and len(found) < self._batch_maximum_messages:
            addressed = address_of(self.inbox.waiting[0], self._lanes)
            if not known.isdisjoint(addressed.names):
                break
            known |= addressed.names
            found.append(addressed)
            self.inbox.waiting.popleft()
        return found

    async def _hand_on(self, batch: Sequence[Addressed]) -> None:
        going = [
            forwarded(
                item.delivery,
                exchange=LANE_EXCHANGE,
                routing_key=queue_name_of(item.lane, self._lanes),
            )
            for item in batch
        ]
        if await self._publish(going):
            await self.inbox.ack([item.delivery for item in batch])
            self.inbox.handled(len(batch))
            for lane, messages in Counter(item.lane for item in batch).items():
                self._metrics.routed(lane, messages)

    async def _publish(self, publications: Sequence[Publication]) -> bool:
        """Whether the queues have all of them; not when that is not waited for any more.

        Raises `BrokerUnavailable`.
        """
        going = list(publications)
        while going:
            going = await self._left_of(going)
            if going:
                await first_of(asyncio.sleep(TRY_AGAIN_SECONDS), self.inbox.closing.wait())
            if going and self.inbox.closing.is_set():
                return False
        return True

    async def _left_of(self, publications: Sequence[Publication]) -> list[Publication]:
        """Publishes all; what was not taken, as it is to be published next."""
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
        """What to publish instead, after a while. Raises `BrokerUnavailable`."""
        verdict = problem.verdict() if isinstance(problem, ChannelLost) else problem
        get_logger().error(
            Action.MESSAGE_UNDELIVERED,
            message_id=publication.properties.message_id,
            message_type=publication.properties.message_type,
            reason=str(verdict),
        )
        if isinstance(verdict, Unroutable | ExchangeNotFound):
            # The number of lanes has changed, or a queue is gone: a new life sees how things are.
            self._link.fail(str(verdict))
            raise BrokerUnavailable(str(verdict))
        return stripped(publication) if isinstance(verdict, Unencodable) else publication


def address_of(delivery: Delivery, lanes: int) -> Addressed:
    """The lane to which it goes; what cannot be read is lane 0's."""
    place = _place_in(delivery.body)
    if place is None:
        return Addressed(delivery, 0, None)
    partition_key, phone_number = place
    return Addressed(delivery, lane_of(partition_key, lanes), phone_number)


def _place_in(body: bytes) -> tuple[str, str] | None:
    """Partition key and number. By the payload, as it is decided, and not by the envelope."""
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
