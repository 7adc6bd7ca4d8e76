"""Migrations are written in SQL: this runs one."""

from importlib.resources import files

from alembic import op

__all__ = ["run"]


def run(name: str) -> None:
    """Runs the statements of this file, in the migration's transaction."""
    script = files("worker.shell.database.migrations.versions") / name
    sql = script.read_text(encoding="utf-8")
    # Many statements at once go by the driver's text protocol only, never by a prepared one.
    connection = op.get_bind().connection.dbapi_connection
    if connection is None:
        raise ConnectionError
    connection.run_async(lambda driver: driver.execute(sql))
