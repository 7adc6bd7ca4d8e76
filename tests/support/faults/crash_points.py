"""Workers that are killed at a point of the path of a message."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.support.environments import Environment

__all__ = ["Span", "crashing_worker"]


class Span(NamedTuple):
    """A part of the path: after which message its points are counted, and the awaited steps."""

    marker: str
    awaited_steps: str


@asynccontextmanager
async def crashing_worker(
    point: int, span: Span, environment: Environment
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker that is killed at this point, counted from the point's own commands or results."""
    marker = span.marker.format(point)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.faults.crashing", str(point), marker, "run"),
        env={**environment, "WORKER_AWAITED_STEPS": span.awaited_steps},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
