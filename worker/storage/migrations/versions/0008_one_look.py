"""Numbers are locked before accounts, and looked for once."""

from worker.storage.migrations.plain_sql import run

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Replace the functions that load what decisions look at."""
    run("0008_one_look.sql")
