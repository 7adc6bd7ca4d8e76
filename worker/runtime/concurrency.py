"""Runs groups of tasks, and cancels tasks and waits for their end."""

import asyncio
import contextlib
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, Final, TypeVar

__all__ = ["all_of", "cancelled", "first_of", "limited", "uninterrupted"]

Result = TypeVar("Result")

CANCEL_AGAIN_SECONDS: Final = 5
"""Pause before a task is cancelled again: longer than a task needs to clean up."""
ABANDON_SECONDS: Final = 1
"""How long a task that took too long may take to end; it then ends unobserved, whenever it does."""

_abandoned: Final[set[asyncio.Future[Any]]] = set()


async def all_of(*awaitables: Awaitable[object]) -> None:
    """Waits for all of them; the first failure cancels the others and is raised.

    `asyncio.gather` would leave the others running: a leader that has stepped down would keep
    renewing its leadership.
    """
    await _wait_until(asyncio.FIRST_EXCEPTION, awaitables)


async def first_of(*awaitables: Awaitable[object]) -> None:
    """Waits for the first to end, cancels the others, and raises the error of the first, if any."""
    await _wait_until(asyncio.FIRST_COMPLETED, awaitables)


async def _wait_until(return_when: str, awaitables: Sequence[Awaitable[object]]) -> None:
    tasks = [asyncio.ensure_future(item) for item in awaitables]
    if not tasks:
        return
    try:
        done, _ = await asyncio.wait(tasks, return_when=return_when)
        for task in done:
            task.result()
    finally:
        await cancelled(tasks)


async def cancelled(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Cancels the tasks and waits until all have ended, even if the caller is cancelled meanwhile.

    Cancels repeatedly: a library may swallow the first cancellation and continue.
    """
    interrupted = False
    running = [task for task in tasks if not task.done()]
    while running:
        for task in running:
            task.cancel()
        try:
            await asyncio.wait(running, timeout=CANCEL_AGAIN_SECONDS)
        except asyncio.CancelledError:
            interrupted = True
        running = [task for task in running if not task.done()]
    for task in tasks:
        if not task.cancelled():
            task.exception()
    if interrupted:
        raise asyncio.CancelledError


async def uninterrupted(work: Coroutine[None, None, Result]) -> Result:
    """Finishes `work` even if the caller is cancelled, then re-raises; returns its result."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it
        raise


async def limited(work: Awaitable[Result], seconds: float) -> Result:
    """The result of work by a library that waits for a server.

    Raises `TimeoutError` after this time, even if the library swallows the cancellation. Raises
    `ConnectionAbortedError` if the library cancels the work, as aiormq does with every call that
    waits when a connection closes: only the caller's own cancellation is a `CancelledError`.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task], timeout=seconds)
    except asyncio.CancelledError:
        await _abandon(task)
        raise
    if not task.done():
        await _abandon(task)
        raise TimeoutError(f"no answer within {seconds:g} s")
    if task.cancelled():
        raise ConnectionAbortedError("the connection has ended")
    return task.result()


async def _abandon(task: asyncio.Future[Any]) -> None:
    task.cancel()
    _abandoned.add(task)
    task.add_done_callback(_forget)
    await asyncio.wait([task], timeout=ABANDON_SECONDS)


def _forget(task: asyncio.Future[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not log it
