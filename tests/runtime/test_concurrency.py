"""Groups of tasks end together, and cancellation waits for their end."""

import asyncio

import pytest

from worker.runtime import concurrency
from worker.runtime.concurrency import all_of, cancelled, first_of, limited, uninterrupted


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


async def test_limited_returns_the_result_of_its_work() -> None:
    assert await limited(asyncio.sleep(0, "answer"), 10) == "answer"


async def test_limited_raises_the_error_of_its_work() -> None:
    with pytest.raises(LookupError):
        await limited(failing(), 10)


async def test_limited_ends_although_its_work_swallows_cancellations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concurrency, "ABANDON_SECONDS", 0.01)
    monkeypatch.setattr(concurrency, "CANCEL_AGAIN_SECONDS", 0.01)
    ignoring = Stubborn()
    with pytest.raises(TimeoutError, match="no answer within"):
        await limited(ignoring.task, 0.01)

    assert not ignoring.task.done()
    await cancelled([ignoring.task])


async def test_limited_tells_a_cancellation_by_a_library_from_one_of_the_caller() -> None:
    async def closing() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ConnectionAbortedError):
        await limited(closing(), 10)

    caller = asyncio.create_task(limited(asyncio.sleep(3600), 10))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
