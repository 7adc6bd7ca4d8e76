"""Whether the schema is the one that this code was written for."""

from typing import Final

from worker.storage.engine import Database
from worker.storage.session import Session

__all__ = ["REVISION", "is_current", "is_current_on"]

REVISION: Final = "0001"
"""Repeated here, because asking Alembic for it makes a start half as long again."""


async def is_current(database: Database) -> bool:
    """Whether it is."""
    async with database.session() as session:
        return await is_current_on(session)


async def is_current_on(session: Session) -> bool:
    """The same, on a connection that is there already."""
    is_there = await session.driver.fetchval("SELECT to_regclass('alembic_version')")
    if is_there is None:
        return False
    found: str | None = await session.driver.fetchval("SELECT version_num FROM alembic_version")
    return found == REVISION
