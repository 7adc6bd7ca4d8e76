"""Runs the command line inside the test process, on servers of the test."""

import asyncio

import pytest
from click.testing import CliRunner, Result

from tests.support.command_line import Invoke
from tests.support.environments import WITHOUT_EVENT_LOG
from worker.cli import main


@pytest.fixture
def environment(database_url: str, amqp_url: str) -> dict[str, str]:
    """The environment of a command."""
    return {"DATABASE_URL": database_url, "AMQP_URL": amqp_url, **WITHOUT_EVENT_LOG}


@pytest.fixture
def invoke(environment: dict[str, str]) -> Invoke:
    """Runs a command line; in a thread, because it has an event loop of its own."""

    async def run(*arguments: str, given: str | None = None, **changes: str) -> Result:
        return await asyncio.to_thread(
            CliRunner().invoke, main, arguments, input=given, env={**environment, **changes}
        )

    return run
