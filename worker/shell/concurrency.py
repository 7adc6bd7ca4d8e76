"""Tasks that end together."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

__all__ = ["all_of", "cancelled", "first_of"]


async def all_of(*awaitables: Awaitable[object]) -> None:
    """Waits for all to end; the first that fails cancels the others, and what it raised is raised.

    `asyncio.gather` lets the others run on: the ping of a leader that had stepped down took the
    lead once more, kept it, and nobody served.
    """
    tasks = [asyncio.ensure_future(item) for item in awaitables]
    if not tasks:
        return
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await cancelled(tasks)


async def first_of(*awaitables: Awaitable[object]) -> None:
    """Waits for the first to end, cancels the others, and raises what the first raised."""
    tasks = [asyncio.ensure_future(item) for item in awaitables]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await cancelled(tasks)


async def cancelled(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Cancels those that have not ended, and waits until all have."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
