"""The revision in the code is that of the last migration."""

from worker.storage.deployment.migrate import head
from worker.storage.deployment.preflight import REVISION


def test_revision_is_the_last_migration() -> None:
    assert head() == REVISION
