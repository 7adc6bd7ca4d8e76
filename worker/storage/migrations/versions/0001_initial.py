"""The initial schema."""

from worker.storage.migrations.plain_sql import functions, run

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates everything, each object after those that it refers to."""
    run("types.sql", "tables.sql", "views.sql", *functions(), "triggers.sql")
