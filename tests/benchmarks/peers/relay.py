"""The outbox of the peers: what is committed is published, confirmed, and then deleted.

A relay beside the handlers is the strongest design: it publishes and deletes many rows together,
where publishing after each commit would cost a second transaction for each command.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.benchmarks.peers.schema import OUTBOX

BATCH_MAXIMUM = 500
SWEEP_SECONDS = 1

Publish = Callable[[Row[Any]], Awaitable[object]]


class Relay:
    """Publishes what the handlers have stored."""

    def __init__(self, engine: AsyncEngine, publish: Publish) -> None:
        self._engine = engine
        self._publish = publish
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """Something was committed."""
        self._wanted.set()

    async def run(self) -> None:
        """Publishes whatever is there, at once when woken, and from time to time unasked."""
        while True:
            self._wanted.clear()
            while await self._turn():
                pass
            try:
                await asyncio.wait_for(self._wanted.wait(), SWEEP_SECONDS)
            except TimeoutError:
                continue

    async def _turn(self) -> bool:
        async with self._engine.begin() as connection:
            # Locked, so that a second instance takes others.
            waiting = select(OUTBOX).order_by(OUTBOX.c.position).limit(BATCH_MAXIMUM)
            rows = (await connection.execute(waiting.with_for_update(skip_locked=True))).all()
            if not rows:
                return False
            # Written in this order: PENDING comes before ACTIVE.
            await asyncio.gather(*(self._publish(row) for row in rows))
            positions = [row.position for row in rows]
            await connection.execute(delete(OUTBOX).where(OUTBOX.c.position.in_(positions)))
        return True
