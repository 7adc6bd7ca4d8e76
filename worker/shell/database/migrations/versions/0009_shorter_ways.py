"""A lone command waits less for the database."""

from worker.shell.database.migrations.plain_sql import run

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Replace the trigger that counts the usage, and what is asked before it is loaded."""
    run("0009_shorter_ways.sql")
