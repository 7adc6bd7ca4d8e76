"""The private servers of a test session."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from worker.local import PrivateServers, missing_servers


@pytest.fixture(scope="session")
async def servers() -> AsyncIterator[PrivateServers]:
    """Both servers. Skips the test if they are not installed, except under CI, where it fails."""
    missing = missing_servers()
    if missing and not os.environ.get("CI"):
        pytest.skip(" ".join(missing))
    # Each test process has a broker: a second thread in each takes a quarter more processor time
    # for the same work.
    async with PrivateServers.started(rabbitmq_schedulers=1) as started:
        yield started


@asynccontextmanager
async def broker_setting(servers: PrivateServers, name: str, value: int) -> AsyncIterator[None]:
    """Gives new connections to RabbitMQ this setting, and the former one again at the end."""

    async def set_to(term: str) -> str:
        """Returns the former setting; in one go, since each `control` takes a second."""
        exchange = (
            f"{{ok, Before}} = application:get_env(rabbit, {name}),"
            f" ok = application:set_env(rabbit, {name}, {term}), Before."
        )
        return (await servers.rabbitmq.control("eval", exchange)).strip()

    before = await set_to(str(value))
    try:
        yield
    finally:
        await set_to(before)


@asynccontextmanager
async def alarm(servers: PrivateServers) -> AsyncIterator[None]:
    """Makes the broker raise a memory alarm."""
    await servers.rabbitmq.control("set_vm_memory_high_watermark", "0.0000001")
    try:
        yield
    finally:
        await servers.rabbitmq.control("set_vm_memory_high_watermark", "0.4")
