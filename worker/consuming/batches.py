"""Batches: the waiting messages that may be handled together."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import islice
from typing import Final, NamedTuple

from worker.broker.delivery import Delivery
from worker.consuming.backpressure import Backpressure
from worker.consuming.consumer import Consumer
from worker.consuming.ordering.turns import Turn, any_time
from worker.consuming.poison import PoisonTracker
from worker.core.lanes import Lane

__all__ = ["Batch", "Batches"]


FEW_COMMANDS: Final = 50
"""Of a burst: at most so many share a batch with commands for which people wait."""


class Batch(NamedTuple):
    """Deliveries that are handled together, in the order in which the consumer hands them out."""

    deliveries: Sequence[Delivery]
    is_poison: bool = False
    """Whether it is one message that has killed workers and must not be handled again."""


class Batches:
    """The batches of a consumer, 1 to N messages each; it never waits to fill one."""

    def __init__(
        self,
        consumer: Consumer,
        poison: PoisonTracker,
        backpressure: Backpressure | None,
        next_turn: Callable[[], AbstractAsyncContextManager[Turn]] = any_time,
    ) -> None:
        """A batch is handled within the turn for which it waits, if it shares turns with others."""
        self._consumer = consumer
        self._poison = poison
        self._backpressure = backpressure
        self._next_turn = next_turn

    async def __aiter__(self) -> AsyncIterator[Batch]:
        """Batches until the consumer closes; each counts as handled when the next is requested."""
        await self._consumer.start()
        while await self._consumer.wait():
            if self._backpressure is not None:
                await self._backpressure.wait_for_capacity(self._consumer.closing, self._lane())
            async with self._next_turn() as turn:
                # Within the turn: its end tells the other queue that it may have the next one.
                if self._consumer.closing.is_set():
                    return
                await self._consumer.take_in()
                with self._consumer.order_kept():
                    limit = await self._poison.begin(self._next())
                    batch = Batch(self._consumer.take(limit.messages), limit.is_poison)
                yield batch
                turn.commands = len(batch.deliveries)
                self._consumer.handled(turn.commands)
        async with self._next_turn():
            pass  # The other queue now knows that this one wants no more turns.

    def _lane(self) -> Lane:
        """The first lane to which the next batch leads."""
        return min((delivery.lane for delivery in self._next()), default=Lane.INTERACTIVE)

    def _next(self) -> Sequence[Delivery]:
        """The candidates of the next batch, in order.

        If a person waits for one of them, they end with the last such one, or after FEW_COMMANDS:
        a small batch is stored sooner.
        """
        waiting = list(islice(self._consumer.waiting, self._poison.batch_maximum_messages))
        clicks = [place for place, item in enumerate(waiting) if item.lane is Lane.INTERACTIVE]
        if not clicks or len(clicks) == len(waiting):
            return waiting
        return waiting[: max(clicks[-1] + 1, FEW_COMMANDS)]

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledges these deliveries. Raises `BrokerUnavailable` when the channel is gone."""
        await self._consumer.ack(deliveries)
