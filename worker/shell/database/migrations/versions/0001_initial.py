"""The first schema."""

from importlib.resources import files

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table, each with its reason beside it in the SQL."""
    schema = files("worker.shell.database.migrations.versions") / "0001_initial.sql"
    sql = schema.read_text(encoding="utf-8")
    # Many statements at once go by the driver's text protocol only, never by a prepared one.
    connection = op.get_bind().connection.dbapi_connection
    if connection is None:
        raise ConnectionError
    connection.run_async(lambda driver: driver.execute(sql))
