"""Shows the history that is older than a number of days, and deletes it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from worker.core.messages.explanations import clock_time
from worker.settings import Settings
from worker.storage.acts import Act, Author, begin_act
from worker.storage.connecting.engine import Database, open_database
from worker.storage.connecting.session import Session
from worker.storage.retention import count_old, delete_old

__all__ = ["OldHistory", "delete_history", "render", "show_history"]


class OldHistory(NamedTuple):
    """Rows of the history from before a moment, by kind."""

    before: datetime
    rows: Mapping[str, int]


async def show_history(settings: Settings, days: int) -> OldHistory:
    """What is older than these days."""
    async with open_database(settings.database_url) as database, database.session() as session:
        before = _before(database, days)
        return OldHistory(before, await count_old(session, before))


async def delete_history(settings: Settings, days: int, author: Author) -> OldHistory:
    """Deletes it, in small transactions, and records the act first."""

    async def record(session: Session) -> datetime:
        before = _before(database, days)
        detail = f"before {clock_time(before)}"
        await begin_act(session, Act.RETENTION, author, database.clock.now(), detail=detail)
        return before

    async with open_database(settings.database_url) as database:
        before = await database.transact(record)
        return OldHistory(before, await delete_old(database, before))


def _before(database: Database, days: int) -> datetime:
    return database.clock.now() - timedelta(days=days)


def render(history: OldHistory) -> str:
    """A line for each kind."""
    return "\n".join(
        f"{kind.replace('_', ' '):<19} {rows:>9}" for kind, rows in history.rows.items()
    )
