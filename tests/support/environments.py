"""What the processes of a test are given: the servers, and nothing that measures them.

Coverage doubles a worker's processor time, and says nothing of a process that is killed.
"""

import os
from collections.abc import Mapping

import pytest

__all__ = ["Environment", "environment", "unmeasured"]

COVERAGE = "COVERAGE_PROCESS_CONFIG"
"""By this variable a process measures itself."""

Environment = Mapping[str, str]


def unmeasured() -> dict[str, str]:
    """The environment of the tests, for a process that is not measured."""
    return {name: value for name, value in os.environ.items() if name != COVERAGE}


@pytest.fixture
def environment(database_url: str, amqp_url: str) -> Environment:
    """What a person exports before running the command."""
    servers = {"DATABASE_URL": database_url, "AMQP_URL": amqp_url, "WORKER_HTTP_PORT": "0"}
    return {**unmeasured(), **servers}
