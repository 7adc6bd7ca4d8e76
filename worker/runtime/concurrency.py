"""Tasks that end together."""

import asyncio
import contextlib
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, Final, TypeVar

__all__ = ["all_of", "cancelled", "first_of", "uninterrupted"]

Result = TypeVar("Result")

CANCEL_AGAIN_SECONDS: Final = 5
"""Longer than an orderly end takes, and short against an outage."""


async def all_of(*awaitables: Awaitable[object]) -> None:
    """Waits for all to end; the first that fails cancels the others, and what it raised is raised.

    `asyncio.gather` lets the others run on: the ping of a leader that had stepped down took the
    lead once more, kept it, and nobody served.
    """
    await _until(asyncio.FIRST_EXCEPTION, awaitables)


async def first_of(*awaitables: Awaitable[object]) -> None:
    """Waits for the first to end, cancels the others, and raises what the first raised."""
    await _until(asyncio.FIRST_COMPLETED, awaitables)


async def _until(enough: str, awaitables: Sequence[Awaitable[object]]) -> None:
    tasks = [asyncio.ensure_future(item) for item in awaitables]
    if not tasks:
        return
    try:
        done, _ = await asyncio.wait(tasks, return_when=enough)
        for task in done:
            task.result()
    finally:
        await cancelled(tasks)


async def cancelled(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Cancels those that have not ended, and waits until all have, whoever is cancelled meanwhile.

    More than once: a library may take the first cancellation for something else, and go on.
    """
    interrupted = False
    open_ones = [task for task in tasks if not task.done()]
    while open_ones:
        for task in open_ones:
            task.cancel()
        try:
            await asyncio.wait(open_ones, timeout=CANCEL_AGAIN_SECONDS)
        except asyncio.CancelledError:
            interrupted = True
        open_ones = [task for task in open_ones if not task.done()]
    for task in tasks:
        if not task.cancelled():
            task.exception()
    if interrupted:
        raise asyncio.CancelledError


async def uninterrupted(work: Coroutine[None, None, Result]) -> Result:
    """Its result; whoever is cancelled in the middle of it waits for its end first."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # whoever was cancelled asks for no answer
        raise
