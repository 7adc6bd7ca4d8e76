"""The revision in the code is that of the last migration."""

from worker.storage.migrate import head
from worker.storage.schema_version import REVISION


def test_revision_is_the_last_migration() -> None:
    assert head() == REVISION
