"""Executes SQL files of the schema from a migration."""

from importlib.resources import files
from typing import Final

from alembic import op

__all__ = ["functions", "run"]

TIMEOUT_SECONDS: Final = 24 * 60 * 60
"""An index on many millions of rows takes longer than any statement of a worker may."""
FUNCTIONS_SEE_ONE_SCHEMA: Final = (
    "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)"
)
"""Functions with SET search_path FROM CURRENT keep this path. Without pg_temp at its end,
PostgreSQL looks for a table among the temporary ones first, which belong to the caller."""
SCHEMA: Final = files("worker.storage") / "schema"


def functions(folder: str = "functions") -> list[str]:
    """The files of the SQL functions and procedures in this folder of `schema`.

    Their order does not matter: PL/pgSQL resolves names when a function is called, and no function
    in SQL calls another.
    """
    return sorted(f"{folder}/{file.name}" for file in SCHEMA.joinpath(folder).iterdir())


def run(*paths: str) -> None:
    """Executes these files, relative to `schema`, in the transaction of the migration."""
    connection = op.get_bind().connection.dbapi_connection
    if connection is None:
        raise ConnectionError
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute(FUNCTIONS_SEE_ONE_SCHEMA)
    for path in paths:
        sql = SCHEMA.joinpath(path).read_text(encoding="utf-8")
        # A prepared statement holds one command: a file of many needs the driver's simple protocol.
        connection.run_async(lambda driver, sql=sql: driver.execute(sql, timeout=TIMEOUT_SECONDS))
