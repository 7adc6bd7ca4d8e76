"""Whether the database is one on which the worker can keep its promises."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.shell.database.schema import is_current_on

__all__ = ["NotReady", "require_fit"]


class NotReady(Exception):
    """The worker must not start like this; the text says what to do."""


async def require_fit(connection: AsyncConnection) -> None:
    """Raises `NotReady` where the schema is not current or a commit could be lost."""
    if not await is_current_on(connection):
        raise NotReady("The database's schema is not current: run `activation-worker migrate`.")
    if await connection.scalar(text("SHOW synchronous_commit")) == "off":
        raise NotReady(
            "synchronous_commit is off: a commit could be lost after its command was"
            " acknowledged. Set it to on for this role."
        )
