"""Deletes rows that are older than the history to keep, in small batches."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from worker.runtime.clock import Clock
from worker.storage.connecting.engine import Transactions
from worker.storage.connecting.session import Session

__all__ = ["prune"]

INTERVAL_SECONDS: Final = 600
PAUSE_SECONDS: Final = 0.2
BATCH_ROWS: Final = 1000
STATEMENTS: Final = (
    "prune_commands",
    "prune_steps",
    "prune_resolutions",
    "prune_manual_logouts",
    "prune_discarded_messages",
    "prune_attempts",
)


async def prune(database: Transactions, clock: Clock, history_days: int) -> None:
    """Deletes older rows, again every ten minutes, until cancelled.

    In small transactions, so that no other transaction waits long for their locks.
    """
    while True:
        before = clock() - timedelta(days=history_days)
        for statement in STATEMENTS:
            deleted = BATCH_ROWS
            while deleted == BATCH_ROWS:
                deleted = await database.transact(partial(_delete, statement, before))
                await asyncio.sleep(PAUSE_SECONDS)
        await asyncio.sleep(INTERVAL_SECONDS)


async def _delete(statement: str, before: datetime, session: Session) -> int:
    return await session.change(statement, before=before, maximum=BATCH_ROWS)
