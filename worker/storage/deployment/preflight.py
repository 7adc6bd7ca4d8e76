"""Checks that the database is fit for the worker: its schema, its rights, and what it promises."""

from collections.abc import Sequence
from typing import Final

from worker.storage.connecting.engine import Database
from worker.storage.connecting.errors import ReadOnlyServer
from worker.storage.connecting.session import Session
from worker.storage.deployment.durability import require_durable
from worker.storage.deployment.rights import require_rights, require_visible

__all__ = [
    "REVISION",
    "VERSION_TABLE",
    "NotReady",
    "is_known",
    "newer_schema",
    "require_fit",
    "require_known_schema",
    "require_prepared",
    "require_writable",
    "revision_of",
]

VERSION_TABLE: Final = "activation_worker_version"
"""Of our own name: another application may keep an `alembic_version` in the same database."""
REVISION: Final = "0003"
"""A copy of Alembic's head: importing Alembic makes a start half as long again."""


class NotReady(Exception):
    """The worker must not start; the message says what to do."""


async def require_fit(session: Session) -> Sequence[str]:
    """Raises the reason why a worker must not serve with this database; returns the risks.

    The reasons are those of `require_prepared`, and `UnsafeServer`.
    """
    await require_prepared(session)
    return await require_durable(session)


async def require_prepared(session: Session) -> None:
    """Raises the reason why a worker cannot serve with this database.

    `NotReady` if this release does not run on the schema; `Mistake` if the role lacks a right;
    `ReadOnlyServer` if the server takes no changes, which may pass.
    """
    await require_known_schema(session)
    await require_rights(session)
    await require_writable(session)


async def require_known_schema(session: Session) -> None:
    """Raises `NotReady` if this release does not run on the schema.

    It runs on its own revision, and on those of later releases that only add to it: an upgrade
    migrates first, and then replaces one worker after the other.
    """
    found = await revision_of(session)
    if found is None or found < REVISION:
        raise NotReady("The database's schema is not current: run `activation-worker migrate`.")
    if found > REVISION and not await _still_serves(session):
        raise NotReady(newer_schema(found))


def newer_schema(found: str) -> str:
    """The sentence for a schema that a newer release has migrated."""
    return (
        f"The database's schema has the revision {found}, and this release knows {REVISION} at"
        " most: run the release that has migrated it."
    )


async def require_writable(session: Session) -> None:
    """Raises `ReadOnlyServer` if the server takes no changes."""
    if await session.driver.fetchval("SHOW transaction_read_only") == "on":
        raise ReadOnlyServer


async def is_known(database: Database) -> bool:
    """Whether this release runs on the schema."""
    async with database.session() as session:
        try:
            await require_known_schema(session)
        except NotReady:
            return False
    return True


async def _still_serves(session: Session) -> bool:
    """Whether the schema of a later release still serves this one."""
    oldest: str = await session.driver.fetchval("SELECT oldest_revision FROM schema_compatibility")
    return oldest <= REVISION


async def revision_of(session: Session) -> str | None:
    """The revision of the schema; None if there are no tables.

    Raises `Mistake` if the role does not find them.
    """
    if await session.driver.fetchval(f"SELECT to_regclass('{VERSION_TABLE}')") is None:
        await require_visible(session, VERSION_TABLE)
        return None
    revision: str | None = await session.driver.fetchval(
        f"SELECT max(version_num) FROM {VERSION_TABLE}"  # noqa: S608 -- a constant of ours
    )
    return revision
