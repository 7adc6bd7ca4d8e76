"""Runs the command line inside the test process, on servers of the test."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from click.testing import CliRunner, Result

from tests.support.environments import WITHOUT_EVENT_LOG
from tests.support.platform import Platform
from worker.cli import main

Invoke = Callable[..., Awaitable[Result]]


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


async def until_there(platform: Platform, queue: str, messages: int) -> None:
    """Waits until so many messages are ready in the queue: no consumer holds them."""
    async with asyncio.timeout(90):
        while True:
            found = await platform.channel.declare_queue(queue, passive=True)
            if found.declaration_result.message_count == messages:
                return
            await asyncio.sleep(0.05)
