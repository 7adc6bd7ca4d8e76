"""Tasks end together, whatever one of them does."""

import asyncio

import pytest

from worker.runtime import concurrency
from worker.runtime.concurrency import all_of, cancelled, first_of, uninterrupted


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


class Stubborn:
    """A task that takes no notice of its first two cancellations."""

    def __init__(self) -> None:
        self.noticed = 0
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self.noticed < 3:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                self.noticed += 1


async def test_a_task_that_takes_no_notice_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concurrency, "CANCEL_AGAIN_SECONDS", 0.01)
    stubborn = Stubborn()
    await asyncio.sleep(0)
    await asyncio.wait_for(cancelled([stubborn.task]), 10)

    assert stubborn.noticed == 3


async def test_who_cancels_is_not_kept_from_it_by_being_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concurrency, "CANCEL_AGAIN_SECONDS", 0.05)
    stubborn = Stubborn()
    await asyncio.sleep(0)
    cancelling = asyncio.create_task(cancelled([stubborn.task]))
    await asyncio.sleep(0.01)
    cancelling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelling

    assert stubborn.task.done()


async def test_what_a_cancelled_task_raised_is_not_reported_twice() -> None:
    task = asyncio.create_task(failing())
    await asyncio.sleep(0)
    await cancelled([task])

    assert isinstance(task.exception(), LookupError)


async def test_what_must_not_be_interrupted_comes_to_its_end() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0.05)
        ended.set()

    task = asyncio.create_task(uninterrupted(work()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ended.is_set()
