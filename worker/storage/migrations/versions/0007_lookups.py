"""Fewer looks for the same rows, and one index less to write for each command."""

from worker.storage.migrations.plain_sql import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Replace functions and indexes; the ledger gets a new key."""
    run("0007_lookups.sql")
