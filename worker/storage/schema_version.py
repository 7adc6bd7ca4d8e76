"""Checks that the schema has the revision that this code needs."""

from typing import Final

from worker.storage.engine import Database
from worker.storage.session import Session

__all__ = ["REVISION", "is_current", "is_current_on"]

REVISION: Final = "0001"
"""A copy of Alembic's head: importing Alembic makes a start half as long again."""


async def is_current(database: Database) -> bool:
    """Whether the schema has the revision `REVISION`."""
    async with database.session() as session:
        return await is_current_on(session)


async def is_current_on(session: Session) -> bool:
    """Like `is_current`, in this session."""
    table = await session.driver.fetchval("SELECT to_regclass('alembic_version')")
    if table is None:
        return False
    found: str | None = await session.driver.fetchval("SELECT version_num FROM alembic_version")
    return found == REVISION
