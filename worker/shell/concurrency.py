"""Tasks that end together."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final

__all__ = ["all_of", "cancelled", "first_of"]

CANCEL_AGAIN_SECONDS: Final = 5
"""Longer than an orderly end takes, and short against an outage."""


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
    """Cancels those that have not ended, and waits until all have.

    More than once: a library may take the first cancellation for something else, and go on.
    """
    open_ones = [task for task in tasks if not task.done()]
    while open_ones:
        for task in open_ones:
            task.cancel()
        _, pending = await asyncio.wait(open_ones, timeout=CANCEL_AGAIN_SECONDS)
        open_ones = list(pending)
    for task in tasks:
        if not task.cancelled():
            task.exception()
