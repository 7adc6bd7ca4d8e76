"""Migrations are written in SQL: this runs one."""

from importlib.resources import files
from typing import Final

from alembic import op

__all__ = ["run"]

TIMEOUT_SECONDS: Final = 24 * 60 * 60
"""An index of many millions of rows takes longer than any statement of a worker may."""


def run(name: str) -> None:
    """Runs the statements of this file, in the migration's transaction."""
    script = files("worker.storage.migrations.versions") / name
    sql = script.read_text(encoding="utf-8")
    # Many statements at once go by the driver's text protocol only, never by a prepared one.
    connection = op.get_bind().connection.dbapi_connection
    if connection is None:
        raise ConnectionError
    op.execute("SET LOCAL statement_timeout = 0")
    connection.run_async(lambda driver: driver.execute(sql, timeout=TIMEOUT_SECONDS))
