"""Handlers store each command in a transaction; a relay publishes the events of many together.

The events of up to 250 commands are published concurrently and deleted in one transaction.
"""

import asyncio

from activation_contracts.messages import Activate
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.benchmarks.peers.decide import decided
from tests.benchmarks.peers.outbox import Publish
from tests.benchmarks.peers.schema import OUTBOX

BATCH_MAXIMUM = 500
SWEEP_SECONDS = 1


class Relay:
    """Publishes the outbox."""

    def __init__(self, engine: AsyncEngine, publish: Publish) -> None:
        self._engine = engine
        self._publish = publish
        self._wanted = asyncio.Event()

    async def activate(self, command: Activate) -> None:
        """Decides and stores; `run` publishes."""
        async with self._engine.begin() as connection:
            events = await decided(connection, command)
            if events:
                await connection.execute(insert(OUTBOX), events)
        self._wanted.set()

    async def run(self) -> None:
        """Publishes when woken by a commit, and on a timer."""
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
            # Locked, so that a second instance would take other rows.
            waiting = select(OUTBOX).order_by(OUTBOX.c.position).limit(BATCH_MAXIMUM)
            rows = (await connection.execute(waiting.with_for_update(skip_locked=True))).all()
            if not rows:
                return False
            # The channel writes in this order: PENDING before ACTIVE.
            await asyncio.gather(*(self._publish(row) for row in rows))
            positions = [row.position for row in rows]
            await connection.execute(delete(OUTBOX).where(OUTBOX.c.position.in_(positions)))
        return True
