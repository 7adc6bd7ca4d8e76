"""One command in one transaction; then its handler publishes both events and deletes them.

Ledger, locks, state and both events are stored together. The handler publishes the events, waits
for their confirms, and deletes them from the outbox in a small transaction. A sweep for what a
crash leaves unpublished would cost nothing here and is left out.
"""

import asyncio

from activation_contracts.messages import Activate
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.benchmarks.peers.decide import decided
from tests.benchmarks.peers.outbox import Publish, delete_published
from tests.benchmarks.peers.schema import OUTBOX


async def activate(engine: AsyncEngine, command: Activate, publish: Publish) -> None:
    """Decides, stores and publishes; a repeated command has no effect."""
    async with engine.begin() as connection:
        events = await decided(connection, command)
        if not events:
            return
        stored = insert(OUTBOX).returning(OUTBOX, sort_by_parameter_order=True)
        rows = (await connection.execute(stored, events)).all()
    # The channel writes in this order: PENDING before ACTIVE.
    await asyncio.gather(*(publish(row) for row in rows))
    await delete_published(engine, rows)
