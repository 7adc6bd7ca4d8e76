"""Terms fenced off by a lock that is no write, and ended though their leader is frozen."""

from worker.storage.migrations.plain_sql import run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add and replace functions; no table is changed."""
    run("0006_terms.sql")
