"""Acts of operators, the switch of the intake, and history for people. It only adds (expand).

The table `resolutions` stays until no worker of the release before runs: its `resolve` still writes
it, and a trigger records that as an act.
"""

from worker.storage.migrations.plain_sql import functions, run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates the tables, and records what `resolve` has stored so far as acts."""
    run("acts/tables.sql", *functions("acts/functions"), "acts/triggers.sql")
