"""The schema's version is known without asking Alembic."""

from worker.storage.migrate import head
from worker.storage.schema_version import REVISION


def test_the_wanted_revision_is_the_last_migration() -> None:
    assert head() == REVISION
