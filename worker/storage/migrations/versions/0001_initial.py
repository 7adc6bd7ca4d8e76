"""The first schema."""

from worker.storage.migrations.plain_sql import run

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table, each with its reason beside it in the SQL."""
    run("0001_initial.sql")
