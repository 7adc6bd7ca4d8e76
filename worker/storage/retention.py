"""What is too old to matter is forgotten, a little at a time."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from worker.runtime.clock import Clock
from worker.storage.engine import Transactions
from worker.storage.session import Session

__all__ = ["prune"]

INTERVAL_SECONDS: Final = 600
PAUSE_SECONDS: Final = 0.2
BATCH_ROWS: Final = 1000
STATEMENTS: Final = (
    "prune_commands",
    "prune_steps",
    "prune_resolutions",
    "prune_discarded_messages",
    "prune_attempts",
)


async def prune(database: Transactions, clock: Clock, history_days: int) -> None:
    """Forgets for ever what is older; in small transactions, so that nobody waits for one."""
    while True:
        before = clock() - timedelta(days=history_days)
        for statement in STATEMENTS:
            forgotten = BATCH_ROWS
            while forgotten == BATCH_ROWS:
                forgotten = await database.transact(partial(_forget, statement, before))
                await asyncio.sleep(PAUSE_SECONDS)
        await asyncio.sleep(INTERVAL_SECONDS)


async def _forget(statement: str, before: datetime, session: Session) -> int:
    return await session.change(statement, before=before, maximum=BATCH_ROWS)
