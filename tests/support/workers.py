"""Fixtures: a database, a virtual host, settings and a worker for each test."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.support.environments import WITHOUT_EVENT_LOG
from tests.support.platform import Platform, platform_at
from tests.support.servers.databases import Databases
from tests.support.servers.virtual_hosts import VirtualHosts
from worker.app.run import supervisor
from worker.cluster.supervisor import Supervisor
from worker.local import PrivateServers
from worker.settings import Settings, load
from worker.storage.connecting.engine import Database, open_database
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter
from worker.telemetry.tracing import Tracing


@pytest.fixture(scope="session")
async def databases(servers: PrivateServers) -> Databases:
    """The databases of this test process."""
    return await Databases.of(servers)


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """The URL of a migrated database that only this test uses."""
    async with databases.taken() as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The connection pool of the same database."""
    async with open_database(database_url, waits=True) as opened:
        yield opened


@pytest.fixture(scope="session")
async def virtual_hosts(servers: PrivateServers) -> VirtualHosts:
    """The virtual hosts of this test process."""
    return VirtualHosts(servers)


@pytest.fixture
async def amqp_url(virtual_hosts: VirtualHosts) -> AsyncIterator[str]:
    """The URL of a virtual host that only this test uses; its topology is declared."""
    async with virtual_hosts.taken() as url:
        yield url


@pytest.fixture
async def platform(amqp_url: str) -> AsyncIterator[Platform]:
    """The web tier and the PBX systems of the test."""
    async with platform_at(amqp_url) as opened:
        yield opened


@pytest.fixture
def settings(database_url: str, amqp_url: str) -> Settings:
    """Settings of a worker for this test."""
    return load(
        {
            "DATABASE_URL": database_url,
            "AMQP_URL": amqp_url,
            "WORKER_HTTP_PORT": "0",
            **WITHOUT_EVENT_LOG,
        }
    )


@asynccontextmanager
async def working(
    database: Database,
    settings: Settings,
    tracing: Tracing | None = None,
    *,
    metrics: Metrics | None = None,
) -> AsyncIterator[Supervisor]:
    """A worker in the test's process; stopped in order at the end."""
    worker = supervisor(database, settings, Reporter(metrics or Metrics(), tracing))
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await asyncio.wait_for(task, 30)


async def until_leading(*workers: Supervisor) -> Supervisor:
    """Waits until a worker leads, and returns it."""
    async with asyncio.timeout(90):
        while not any(worker.leads for worker in workers):
            await asyncio.sleep(0.02)
    return next(worker for worker in workers if worker.leads)


async def store(database: Database, *statements: str) -> None:
    """Executes the statements in one transaction."""
    async with database.transaction() as session:
        for statement in statements:
            await session.driver.execute(statement)


async def rows(database: Database, query: str) -> Sequence[tuple[object, ...]]:
    """The rows that a query returns."""
    async with database.transaction() as session:
        return [tuple(row) for row in await session.driver.fetch(query)]
