"""Tasks end together, whatever one of them does."""

import asyncio

import pytest

from worker.shell import concurrency
from worker.shell.concurrency import all_of, cancelled, first_of


async def failing() -> None:
    raise LookupError


async def test_the_first_that_fails_ends_the_others() -> None:
    other = asyncio.ensure_future(asyncio.sleep(3600))
    with pytest.raises(LookupError):
        await all_of(other, failing())

    assert other.cancelled()


async def test_all_of_nothing_is_done_at_once() -> None:
    await all_of()


async def test_the_first_that_ends_ends_the_others() -> None:
    other = asyncio.ensure_future(asyncio.sleep(3600))
    await first_of(other, asyncio.sleep(0))

    assert other.cancelled()


async def test_a_task_that_takes_no_notice_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concurrency, "CANCEL_AGAIN_SECONDS", 0.01)
    noticed = 0

    async def stubborn() -> None:
        nonlocal noticed
        while noticed < 3:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                noticed += 1

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(cancelled([task]), 10)

    assert noticed == 3


async def test_what_a_cancelled_task_raised_is_not_reported_twice() -> None:
    task = asyncio.create_task(failing())
    await asyncio.sleep(0)
    await cancelled([task])

    assert isinstance(task.exception(), LookupError)
