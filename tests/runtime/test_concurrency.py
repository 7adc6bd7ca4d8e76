"""Groups of tasks end together, and cancellation waits for their end."""

import asyncio

import pytest

from worker.runtime import concurrency
from worker.runtime.concurrency import all_of, cancelled, first_of, uninterrupted


async def failing() -> None:
    raise LookupError


async def test_all_of_cancels_the_others_on_a_failure() -> None:
    other = asyncio.ensure_future(asyncio.sleep(3600))
    with pytest.raises(LookupError):
        await all_of(other, failing())

    assert other.cancelled()


async def test_all_of_nothing_returns_at_once() -> None:
    await all_of()


async def test_first_of_cancels_the_others() -> None:
    other = asyncio.ensure_future(asyncio.sleep(3600))
    await first_of(other, asyncio.sleep(0))

    assert other.cancelled()


class Stubborn:
    """A task that ignores its first two cancellations."""

    def __init__(self) -> None:
        self.cancellations = 0
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self.cancellations < 3:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                self.cancellations += 1


async def test_cancelled_cancels_a_task_until_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concurrency, "CANCEL_AGAIN_SECONDS", 0.01)
    stubborn = Stubborn()
    await asyncio.sleep(0)
    await asyncio.wait_for(cancelled([stubborn.task]), 10)

    assert stubborn.cancellations == 3


async def test_cancelled_waits_even_if_its_caller_is_cancelled(
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


async def test_cancelled_retrieves_the_error_of_a_task() -> None:
    task = asyncio.create_task(failing())
    await asyncio.sleep(0)
    await cancelled([task])

    assert isinstance(task.exception(), LookupError)


async def test_uninterrupted_finishes_its_work_when_cancelled() -> None:
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
