"""Deletes rows that are older than the history to keep, in small batches."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from worker.runtime.clock import Clock
from worker.storage.connecting.engine import Transactions
from worker.storage.connecting.session import Session

__all__ = ["count_old", "delete_old", "prune"]

INTERVAL_SECONDS: Final = 600
PAUSE_SECONDS: Final = 0.2
BATCH_ROWS: Final = 1000
HISTORY: Final = (
    "commands",
    "steps",
    "resolutions",
    "manual_logouts",
    "discarded_messages",
    "attempts",
    "acts",
    "dead_letter_log",
)
"""What ends with its age, in the order of deletion: for each a query `prune_…`."""


async def prune(database: Transactions, clock: Clock, history_days: int) -> None:
    """Deletes older rows, again every ten minutes, until cancelled."""
    while True:
        await delete_old(database, clock() - timedelta(days=history_days))
        await asyncio.sleep(INTERVAL_SECONDS)


async def delete_old(database: Transactions, before: datetime) -> Mapping[str, int]:
    """Deletes the history from before this moment; returns how many rows of each kind.

    In small transactions, so that no other transaction waits long for their locks.
    """
    deleted = dict.fromkeys(HISTORY, 0)
    for kind in HISTORY:
        rows = BATCH_ROWS
        while rows == BATCH_ROWS:
            rows = await database.transact(partial(_delete, f"prune_{kind}", before))
            deleted[kind] += rows
            await asyncio.sleep(PAUSE_SECONDS)
    return deleted


async def count_old(session: Session, before: datetime) -> Mapping[str, int]:
    """How many rows of each kind `delete_old` would delete."""
    rows = await session.fetch("count_history", before=before)
    return {row["kind"]: row["rows"] for row in rows}


async def _delete(statement: str, before: datetime, session: Session) -> int:
    return await session.change(statement, before=before, maximum=BATCH_ROWS)
