"""Terms of leadership, messages under suspicion, and messages that people discard."""

from worker.storage.migrations.plain_sql import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Fence off former leaders, count the messages that kill workers, keep what is discarded."""
    run("0003_resilience.sql")
