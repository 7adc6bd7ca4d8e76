"""The private servers of a test session."""

import os
from collections.abc import AsyncIterator

import pytest

from worker.local import PrivateServers, missing_servers


@pytest.fixture(scope="session")
async def servers() -> AsyncIterator[PrivateServers]:
    """Both servers. Skips the test if they are not installed, except under CI, where it fails."""
    missing = missing_servers()
    if missing and not os.environ.get("CI"):
        pytest.skip(" ".join(missing))
    async with PrivateServers.started() as started:
        yield started
