"""The session's servers: real ones, private to this run."""

import os
from collections.abc import AsyncIterator

import pytest

from worker.local import PrivateServers, missing_servers


@pytest.fixture(scope="session")
async def servers() -> AsyncIterator[PrivateServers]:
    """Both servers. Not installed on a laptop, the test is skipped; under CI it fails."""
    missing = missing_servers()
    if missing and not os.environ.get("CI"):
        pytest.skip(" ".join(missing))
    async with PrivateServers.started() as started:
        yield started
