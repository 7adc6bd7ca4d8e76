"""One command as the worker promises it: PENDING is known before ACTIVE is decided.

So there are two commits for each command, and the handler itself publishes after each: what it has
published it deletes from the outbox, PENDING together with the second commit, ACTIVE in a small
transaction of its own. What a crash leaves behind would be taken up by a sweep, which costs nothing
here and is left out.
"""

from typing import Any

from sqlalchemy import Row, delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.messages import Activate
from contracts.refusals import RefusalCode
from contracts.values import NumberStatus
from tests.benchmarks.peers.deciding import Snapshot, is_new, locked, locked_rows, move, refused
from tests.benchmarks.peers.outbox import Publish, forget
from tests.benchmarks.peers.schema import OUTBOX
from tests.benchmarks.peers.speech import Values, status_changed


async def activate(engine: AsyncEngine, command: Activate, publish: Publish) -> None:
    """Decides, stores and says; nothing happens when the command came before."""
    said = await _begun(engine, command)
    while said is not None:
        await publish(said)
        said = await _followed(engine, command, said)


async def _begun(engine: AsyncEngine, command: Activate) -> Row[Any] | None:
    async with engine.begin() as connection:
        if not await is_new(connection, command):
            return None
        known = await locked(connection, command)
        if isinstance(known, RefusalCode):
            return await _kept(connection, await refused(connection, command, known))
        used = known.used(pending=1)
        await move(connection, known, NumberStatus.PENDING, used, steps=1)
        event = status_changed(command, known.number, used, NumberStatus.PENDING, 1)
        return await _kept(connection, event)


async def _followed(engine: AsyncEngine, command: Activate, said: Row[Any]) -> Row[Any] | None:
    """Forgets what was said; after PENDING comes ACTIVE."""
    if not said.routing_key.endswith(".pending"):
        await forget(engine, [said])
        return None
    async with engine.begin() as connection:
        await connection.execute(delete(OUTBOX).where(OUTBOX.c.position == said.position))
        bought, number = await locked_rows(connection, command)
        if bought is None or number is None or number.status != NumberStatus.PENDING:
            return None
        known = Snapshot(number, bought)
        used = known.used(active=1, pending=-1)
        await move(connection, known, NumberStatus.ACTIVE, used, steps=1)
        event = status_changed(command, known.number, used, NumberStatus.ACTIVE, 1)
        return await _kept(connection, event)


async def _kept(connection: AsyncConnection, event: Values) -> Row[Any]:
    kept: Row[Any] = (
        await connection.execute(insert(OUTBOX).values(event).returning(OUTBOX))
    ).one()
    return kept
