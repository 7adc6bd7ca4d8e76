"""Checks that the database is fit for the worker."""

from worker.storage.schema_version import is_current_on
from worker.storage.session import Session

__all__ = ["NotReady", "require_fit"]


class NotReady(Exception):
    """The worker must not start; the message says what to do."""


async def require_fit(session: Session) -> None:
    """Raises `NotReady` if the schema is not current, or if the server could lose a commit."""
    if not await is_current_on(session):
        raise NotReady("The database's schema is not current: run `activation-worker migrate`.")
    if await session.driver.fetchval("SHOW synchronous_commit") == "off":
        raise NotReady(
            "synchronous_commit is off: a commit could be lost after its command was"
            " acknowledged. Set it to on for this role."
        )
