"""Batches: which of the waiting commands are handled together, and when."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, cast

import pytest
from typing_extensions import override

from tests.consuming.deliveries import Sent, burst, delivery
from worker.broker.delivery import Delivery
from worker.consuming.batches import Batch, Batches
from worker.consuming.consumer import Consumer
from worker.consuming.ordering.fair_order import FairOrder
from worker.consuming.ordering.turns import Turns
from worker.consuming.poison import Limit, PoisonTracker

if TYPE_CHECKING:
    from aiormq.abc import AbstractChannel

    from worker.broker.session import BrokerSession

CLICK = Sent(999, "globex", "+442079460000")


class Session:
    """Accepts every delivery."""

    def accept(self, _body_bytes: int, _held_bytes: int) -> bool:
        return True


class Commands(Consumer):
    """A consumer whose deliveries the test makes."""

    def __init__(self) -> None:
        nothing = cast("AbstractChannel", None)
        session = cast("BrokerSession", Session())
        super().__init__("commands", nothing, session, waiting=FairOrder())

    @override
    async def start(self) -> None:
        """The deliveries come from the test."""

    async def deliver(self, *commands: Sent) -> None:
        for sent in commands:
            await self._receive(delivery(sent))


class Poison:
    """Limits each batch; something happens while the database is asked."""

    batch_maximum_messages = 200

    def __init__(self, limit: Limit, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._limit = limit
        self._meanwhile = meanwhile
        self.judged: list[int] = []

    async def begin(self, waiting: Iterable[Delivery]) -> Limit:
        self.judged = [item.tag for item in waiting][: self._limit.messages]
        await self._meanwhile()
        return self._limit


async def next_batch(batches: Batches) -> Batch:
    async for batch in batches:
        return batch
    pytest.fail("the batches ended")


@pytest.mark.parametrize("limit", [Limit(1, is_poison=True), Limit(3)], ids=["poison", "counted"])
async def test_a_click_that_arrives_while_a_redelivered_command_is_judged_does_not_take_its_place(
    limit: Limit,
) -> None:
    consumer = Commands()
    await consumer.deliver(*burst("acme", 400))
    # The round that is taken now is over: a command of another account would be the next.
    consumer.take(200)
    poison = Poison(limit, lambda: consumer.deliver(CLICK))
    batch = await next_batch(Batches(consumer, cast("PoisonTracker", poison), None))

    assert [item.tag for item in batch.deliveries] == poison.judged
    assert CLICK.place in [item.tag for item in consumer.waiting]


async def test_a_batch_with_the_commands_of_a_new_account_ends_with_the_last_of_them() -> None:
    consumer = Commands()
    await consumer.deliver(*burst("acme", 1_000))
    consumer.take(250)
    await consumer.deliver(CLICK)
    batches = Batches(consumer, cast("PoisonTracker", Unlimited()), None)
    batch = await next_batch(batches)

    assert len(batch.deliveries) == 50
    assert CLICK.place in [item.tag for item in batch.deliveries]


class Unlimited:
    """Limits nothing."""

    batch_maximum_messages = 200

    async def begin(self, waiting: Iterable[Delivery]) -> Limit:
        return Limit(len(list(waiting)))


async def test_bulk_commands_do_not_wait_for_a_queue_that_ended_with_a_command_waiting() -> None:
    consumer = Commands()
    turns = Turns(lambda: bool(consumer.waiting) and not consumer.closing.is_set())
    poison = cast("PoisonTracker", Unlimited())
    interactive = Batches(consumer, poison, None, turns.interactive)
    handling = asyncio.create_task(anext(aiter(interactive), None))
    await asyncio.sleep(0)
    await consumer.deliver(CLICK)

    async def bulk() -> None:
        async with turns.bulk():
            pass

    waiting = asyncio.create_task(bulk())
    consumer.close()
    async with asyncio.timeout(10):
        await asyncio.gather(handling, waiting)

    assert waiting.done()
