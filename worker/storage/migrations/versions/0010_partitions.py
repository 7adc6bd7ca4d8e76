"""The number of partitions is changed while no worker runs."""

from worker.storage.migrations.plain_sql import run

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """What a change needs to know of itself: where it leads."""
    run("0010_partitions.sql")
