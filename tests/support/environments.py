"""Environment variables for the processes that a test starts, without coverage.

Coverage doubles a worker's processor time, and a killed process writes no coverage data.
"""

import os
from collections.abc import Mapping

import pytest

__all__ = ["WITHOUT_EVENT_LOG", "Environment", "environment", "unmeasured"]

COVERAGE = "COVERAGE_PROCESS_CONFIG"
"""This variable makes a process measure its own coverage."""

WITHOUT_EVENT_LOG = {"WORKER_EVENT_LOG_DAYS": "0"}
"""For tests that are not about the event log: its stream costs time, and a virtual host with it is
not used again."""

Environment = Mapping[str, str]


def unmeasured() -> dict[str, str]:
    """The environment of the tests, without coverage."""
    return {name: value for name, value in os.environ.items() if name != COVERAGE}


@pytest.fixture
def environment(database_url: str, amqp_url: str) -> Environment:
    """The environment in which a test runs the installed command."""
    servers = {"DATABASE_URL": database_url, "AMQP_URL": amqp_url, "WORKER_HTTP_PORT": "0"}
    return {**unmeasured(), **servers, **WITHOUT_EVENT_LOG}
