"""Counts the messages of the dead-letter queue by reason. It only adds: workers of 0001 go on."""

from worker.storage.migrations.plain_sql import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates the table of the counts."""
    run("queued_dead_letters.sql")
