"""What saves ways to the server: the term with BEGIN, views, functions that are planned once."""

from worker.storage.migrations.plain_sql import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add views and functions; no table is changed."""
    run("0005_round_trips.sql")
