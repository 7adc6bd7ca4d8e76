"""Polls for conditions that have no event to wait for."""

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ["holds"]

POLL_SECONDS: Final = 0.02


async def holds(condition: Callable[[], bool], *, within_seconds: float) -> bool:
    """Waits until the condition holds; False if it does not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_seconds
    while loop.time() < deadline:
        if condition():
            return True
        await asyncio.sleep(POLL_SECONDS)
    return condition()
