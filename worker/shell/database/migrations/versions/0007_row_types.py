"""Rows that are written together travel as one array of a type of their own."""

from worker.shell.database.migrations.plain_sql import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add types and replace a function; no table is changed."""
    run("0007_row_types.sql")
