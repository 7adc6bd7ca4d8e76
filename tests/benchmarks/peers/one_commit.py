"""One command in one transaction; then its handler says what it has stored, and forgets it.

Ledger, locks, state and both events are stored together. The handler publishes the two, waits for
their confirms, and deletes them from the outbox in a small transaction of its own. What a crash
leaves behind would be taken up by a sweep, which costs nothing here and is left out.
"""

import asyncio

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.messages import Activate
from tests.benchmarks.peers.deciding import decided
from tests.benchmarks.peers.outbox import Publish, forget
from tests.benchmarks.peers.schema import OUTBOX


async def activate(engine: AsyncEngine, command: Activate, publish: Publish) -> None:
    """Decides, stores and says; nothing happens when the command came before."""
    async with engine.begin() as connection:
        events = await decided(connection, command)
        if not events:
            return
        stored = insert(OUTBOX).returning(OUTBOX, sort_by_parameter_order=True)
        rows = (await connection.execute(stored, events)).all()
    # Written in this order: PENDING comes before ACTIVE.
    await asyncio.gather(*(publish(row) for row in rows))
    await forget(engine, rows)
