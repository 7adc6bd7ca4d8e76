"""PBX results, deadlines and what people decide."""

from worker.storage.migrations.plain_sql import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Let operations wait for results, and keep what became of each step."""
    run("0002_pbx_results.sql")
