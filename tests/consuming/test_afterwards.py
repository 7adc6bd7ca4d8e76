"""Answers go first; what was decided is told of in its order, and acknowledged."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from contracts.catalogue import COMMAND_QUEUE
from tests.support.platform import Platform
from worker.broker.delivery import Delivery
from worker.broker.prefetch import Prefetch
from worker.broker.session import open_session
from worker.consuming import afterwards
from worker.consuming.afterwards import Afterwards
from worker.consuming.consumer import Consumer

Taken = asyncio.Queue[Delivery]


@pytest.fixture(autouse=True)
def answers_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(afterwards, "ANSWER_SECONDS", 3600)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def telling(told: list[str]) -> Callable[[str], Callable[[], None]]:
    return lambda words: lambda: told.append(words)


Telling = Callable[[str], Callable[[], None]]


@asynccontextmanager
async def consuming(url: str, *, prefetch: int = 5) -> AsyncIterator[tuple[Consumer, Taken]]:
    """An inbox, and what was taken out of it."""
    taken = Taken()
    async with (
        open_session(
            [url], publish_timeout_seconds=5, alone=set(), prefetch=Prefetch(prefetch)
        ) as link,
        link.consuming() as channel,
    ):
        inbox = Consumer(COMMAND_QUEUE, channel, link)

        async def take() -> None:
            taken.put_nowait(inbox.waiting.popleft())

        task = asyncio.create_task(inbox.consume(take))
        yield inbox, taken
        inbox.close()
        await task


async def next_of(taken: Taken, platform: Platform) -> Delivery:
    await platform.send("activate", "+442079460001")
    return await asyncio.wait_for(taken.get(), 20)


async def done(task: asyncio.Task[None]) -> None:
    await asyncio.wait_for(task, 20)


async def test_a_lone_command_makes_way_for_its_answer_until_another_was_decided(
    amqp_url: str, platform: Platform, told: list[str], telling: Telling
) -> None:
    async with consuming(amqp_url) as (inbox, taken):
        after = Afterwards(inbox)
        after.add(telling("first"), [await next_of(taken, platform)])
        finishing = asyncio.create_task(after.finish())
        second = await next_of(taken, platform)
        assert (told, after.is_due, inbox.is_empty) == ([], True, False)
        after.add(telling("second"), [second])
        await done(finishing)

        assert (told, after.is_due, inbox.is_empty) == (["first", "second"], False, True)


async def test_many_commands_make_way_for_nothing(
    amqp_url: str, platform: Platform, told: list[str], telling: Telling
) -> None:
    async with consuming(amqp_url) as (inbox, taken):
        after = Afterwards(inbox)
        after.add(telling("both"), [await next_of(taken, platform) for _ in range(2)])
        await done(asyncio.create_task(after.finish()))

        assert (told, inbox.is_empty) == (["both"], True)


async def test_it_makes_no_way_where_the_broker_gives_nothing_more_before(
    amqp_url: str, platform: Platform, told: list[str], telling: Telling
) -> None:
    async with consuming(amqp_url, prefetch=1) as (inbox, taken):
        after = Afterwards(inbox)
        after.add(telling("the only one"), [await next_of(taken, platform)])
        await done(asyncio.create_task(after.finish()))

        assert (told, inbox.is_empty) == (["the only one"], True)


async def test_what_followed_is_told_of_after_what_was_decided_and_that_only_once(
    amqp_url: str, platform: Platform, told: list[str], telling: Telling
) -> None:
    async with consuming(amqp_url) as (inbox, taken):
        after = Afterwards(inbox)
        after.add(telling("accepted"), [await next_of(taken, platform)])
        finishing = asyncio.create_task(after.finish())
        after.tell()
        told.append("completed")
        after.add(telling("next"), [await next_of(taken, platform)])
        await done(finishing)

    assert told == ["accepted", "completed", "next"]


async def test_what_cannot_be_told_of_is_acknowledged_and_does_not_keep_the_next_from_it(
    amqp_url: str, platform: Platform, told: list[str], telling: Telling
) -> None:
    def fails() -> None:
        raise OSError

    async with consuming(amqp_url) as (inbox, taken):
        after = Afterwards(inbox)
        after.add(fails, [await next_of(taken, platform) for _ in range(2)])
        with pytest.raises(OSError):  # noqa: PT011 -- nothing else raises it here
            await after.finish()
        assert inbox.is_empty
        after.add(telling("next"), [await next_of(taken, platform) for _ in range(2)])
        await after.finish()

    assert told == ["next"]
