"""How many lanes there are, and what belongs to which."""

from worker.storage.migrations.plain_sql import run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """One lane, to which all belongs that is under way."""
    run("0004_lanes.sql")
