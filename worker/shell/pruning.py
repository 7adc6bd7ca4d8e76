"""What is too old to matter is forgotten, a little at a time."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from worker.shell.clock import Clock
from worker.shell.database.engine import Transactions
from worker.shell.database.session import Session

__all__ = ["prune"]

INTERVAL_SECONDS: Final = 600
PAUSE_SECONDS: Final = 0.2
BATCH_ROWS: Final = 1000

OLD_ROWS: Final = {
    "commands": "received_at < $1 AND ended_at IS NOT NULL",
    "pbx_operations": "asked_at < $1 AND ended_at IS NOT NULL",
    "resolutions": "decided_at < $1",
    "discarded_messages": "discarded_at < $1",
    "suspects": "last_attempt_at < $1",
}
"""Each table with what makes a row of it old. What is under way is never old."""


async def prune(database: Transactions, clock: Clock, history_days: int) -> None:
    """Forgets for ever what is older; in small transactions, so that nobody waits for one."""
    while True:
        before = clock() - timedelta(days=history_days)
        for table in OLD_ROWS:
            forgotten = BATCH_ROWS
            while forgotten == BATCH_ROWS:
                forgotten = await database.persist(partial(_forget, table, before))
                await asyncio.sleep(PAUSE_SECONDS)
        await asyncio.sleep(INTERVAL_SECONDS)


async def _forget(table: str, before: datetime, session: Session) -> int:
    done: str = await session.driver.execute(
        f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("  # noqa: S608 -- from the table above
        f" SELECT ctid FROM {table} WHERE {OLD_ROWS[table]} LIMIT {BATCH_ROWS}))",
        before,
    )
    return int(done.removeprefix("DELETE "))
