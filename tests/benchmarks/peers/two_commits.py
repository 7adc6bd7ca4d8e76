"""One command in two transactions: PENDING is committed and published before ACTIVE is decided.

The handler publishes after each commit. It deletes PENDING from the outbox with the second commit,
and ACTIVE in a small transaction. A sweep for what a crash leaves unpublished would cost nothing
here and is left out.
"""

from typing import Any

from activation_contracts.messages import Activate
from activation_contracts.refusals import RefusalCode
from activation_contracts.values import NumberStatus
from sqlalchemy import Row, delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tests.benchmarks.peers.decide import Snapshot, is_new, locked, locked_rows, move, refused
from tests.benchmarks.peers.events import Values, status_changed
from tests.benchmarks.peers.outbox import Publish, delete_published
from tests.benchmarks.peers.schema import OUTBOX


async def activate(engine: AsyncEngine, command: Activate, publish: Publish) -> None:
    """Decides, stores and publishes; a repeated command has no effect."""
    event_row = await _store_pending(engine, command)
    while event_row is not None:
        await publish(event_row)
        event_row = await _store_next(engine, command, event_row)


async def _store_pending(engine: AsyncEngine, command: Activate) -> Row[Any] | None:
    async with engine.begin() as connection:
        if not await is_new(connection, command):
            return None
        known = await locked(connection, command)
        if isinstance(known, RefusalCode):
            return await _insert(connection, await refused(connection, command, known))
        used = known.used(pending=1)
        await move(connection, known, NumberStatus.PENDING, used, steps=1)
        event = status_changed(command, known.number, used, NumberStatus.PENDING, 1)
        return await _insert(connection, event)


async def _store_next(
    engine: AsyncEngine, command: Activate, event_row: Row[Any]
) -> Row[Any] | None:
    """Deletes the published event; after PENDING, decides and stores ACTIVE."""
    if not event_row.routing_key.endswith(".pending"):
        await delete_published(engine, [event_row])
        return None
    async with engine.begin() as connection:
        await connection.execute(delete(OUTBOX).where(OUTBOX.c.position == event_row.position))
        bought, number = await locked_rows(connection, command)
        if bought is None or number is None or number.status != NumberStatus.PENDING:
            return None
        known = Snapshot(number, bought)
        used = known.used(active=1, pending=-1)
        await move(connection, known, NumberStatus.ACTIVE, used, steps=1)
        event = status_changed(command, known.number, used, NumberStatus.ACTIVE, 1)
        return await _insert(connection, event)


async def _insert(connection: AsyncConnection, event: Values) -> Row[Any]:
    stored: Row[Any] = (
        await connection.execute(insert(OUTBOX).values(event).returning(OUTBOX))
    ).one()
    return stored
