"""The schema's version: bringing it up to date, and knowing whether it is."""

from importlib.resources import files
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.shell.database.engine import Database

__all__ = ["is_current", "is_current_on", "migrate"]


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option(
        "script_location", str(files("worker.shell.database") / "migrations")
    )
    return configuration


MIGRATION_LOCK: Final = 7_254_001
"""An advisory lock: of two migrations that start together, one finds nothing left to do."""


def _upgrade(connection: Connection) -> tuple[str | None, str | None]:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    before = MigrationContext.configure(connection).get_current_revision()
    configuration = _configuration()
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")
    return before, MigrationContext.configure(connection).get_current_revision()


async def migrate(database: Database) -> tuple[str | None, str | None]:
    """Brings the schema up to date, in one transaction; the revisions before and after."""
    async with database.transaction() as connection:
        return await connection.run_sync(_upgrade)


async def is_current(database: Database) -> bool:
    """Whether the schema is the one that this code was written for."""
    async with database.transaction() as connection:
        return await is_current_on(connection)


async def is_current_on(connection: AsyncConnection) -> bool:
    """The same, on a connection that is there already."""
    wanted = ScriptDirectory.from_config(_configuration()).get_current_head()
    found = await connection.run_sync(
        lambda sync: MigrationContext.configure(sync).get_current_revision()
    )
    return found == wanted
