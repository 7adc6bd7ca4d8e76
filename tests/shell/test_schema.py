"""The schema's version is known without asking Alembic."""

from worker.shell.database.migrating import head
from worker.shell.database.schema import REVISION


def test_the_wanted_revision_is_the_last_migration() -> None:
    assert head() == REVISION
