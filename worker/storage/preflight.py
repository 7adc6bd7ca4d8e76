"""Checks that the database is fit for the worker: its schema, and that no commit can be lost."""

from typing import Final

from worker.storage.engine import Database
from worker.storage.session import Session

__all__ = ["REVISION", "NotReady", "is_current", "require_fit"]

REVISION: Final = "0001"
"""A copy of Alembic's head: importing Alembic makes a start half as long again."""


class NotReady(Exception):
    """The worker must not start; the message says what to do."""


async def require_fit(session: Session) -> None:
    """Raises `NotReady` if the schema is not current, or if the server could lose a commit."""
    if not await _has_current_schema(session):
        raise NotReady("The database's schema is not current: run `activation-worker migrate`.")
    if await session.driver.fetchval("SHOW synchronous_commit") == "off":
        raise NotReady(
            "synchronous_commit is off: a commit could be lost after its command was"
            " acknowledged. Set it to on for this role."
        )


async def is_current(database: Database) -> bool:
    """Whether the schema has the revision that this code needs."""
    async with database.session() as session:
        return await _has_current_schema(session)


async def _has_current_schema(session: Session) -> bool:
    table = await session.driver.fetchval("SELECT to_regclass('alembic_version')")
    if table is None:
        return False
    found: str | None = await session.driver.fetchval("SELECT version_num FROM alembic_version")
    return found == REVISION
