"""Migrates the schema to the current revision."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from worker.storage.connecting.engine import Database
from worker.storage.deployment.preflight import (
    VERSION_TABLE,
    NotReady,
    newer_schema,
    revision_of,
)
from worker.storage.locks import MIGRATION

__all__ = ["configuration", "head", "migrate"]


def configuration() -> Config:
    """Alembic's settings; it takes the connection from the attributes."""
    made = Config()
    made.set_main_option("script_location", str(files("worker.storage") / "migrations"))
    return made


def _upgrade(connection: Connection) -> tuple[str | None, str | None]:
    # Two migrations that start together run one after the other; the second has nothing to do.
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION})")
    settings = configuration()
    before = _revision_of(connection)
    known = {script.revision for script in ScriptDirectory.from_config(settings).walk_revisions()}
    if before is not None and before not in known:
        raise NotReady(newer_schema(before))
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
    return before, _revision_of(connection)


def _revision_of(connection: Connection) -> str | None:
    options = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


async def migrate(database: Database) -> tuple[str | None, str | None]:
    """Migrates the schema in one transaction; returns the revisions before and after.

    Raises `NotReady` if a newer release has migrated it, and `Mistake` if the tables are in a
    schema that this role does not find.
    """
    async with database.session() as session:
        await revision_of(session)
    async with database.migration() as connection:
        return await connection.run_sync(_upgrade)


def head() -> str | None:
    """The revision to which `migrate` leads."""
    return ScriptDirectory.from_config(configuration()).get_current_head()
