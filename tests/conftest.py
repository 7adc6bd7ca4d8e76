"""Fixtures and settings of all tests."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

pytest_plugins = (
    "tests.support.servers",
    "tests.support.workers",
    "tests.support.lossy",
    "tests.support.certificates",
    "tests.support.postgresql",
    "tests.support.pgbouncer",
    "tests.support.administration",
)

# How long an example takes says nothing about a property, least of all on a busy machine.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _default_log() -> Iterator[None]:
    """Resets the log after each test: commands under test configure it for the whole process."""
    yield
    structlog.reset_defaults()
