"""Fixtures and waits for a worker that reaches both servers through fault-injecting proxies."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.faults.proxy import Proxy, proxied
from tests.support.faults.wire import AmqpProtocol, PostgresProtocol
from tests.support.platform import Event, Platform
from tests.support.workers import rows, until_leading, working
from worker.cluster.supervisor import Supervisor
from worker.settings import Settings
from worker.storage.connecting.engine import Database, open_database

NUMBERS = tuple(f"+44207946{index:04}" for index in range(20))
SITE = (voice_service(100), phone_numbers(*NUMBERS))
"""The statements that store the numbers, with services for all."""


@pytest.fixture
async def database_proxy(database_url: str) -> AsyncIterator[Proxy]:
    """A proxy for the test's own database."""
    async with proxied(database_url, PostgresProtocol) as proxy:
        yield proxy


@pytest.fixture
async def broker_proxy(amqp_url: str) -> AsyncIterator[Proxy]:
    """A proxy for the test's own virtual host."""
    async with proxied(amqp_url, AmqpProtocol) as proxy:
        yield proxy


@pytest.fixture
def lossy_settings(database_proxy: Proxy, broker_proxy: Proxy, settings: Settings) -> Settings:
    """Settings of a worker that reaches both servers through the proxies."""
    through = {"database_url": database_proxy.url, "amqp_urls": (broker_proxy.url,)}
    return settings.model_copy(update=through)


@asynccontextmanager
async def working_through_proxies(settings: Settings) -> AsyncIterator[Supervisor]:
    """A worker that leads and reaches its database too by the URL in these settings."""
    async with (
        open_database(settings.database_url, waits=True) as database,
        working(database, settings) as worker,
    ):
        await until_leading(worker)
        yield worker


async def until(condition: Callable[[], object]) -> None:
    """Returns when the condition holds."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def until_any(database: Database, query: str) -> None:
    """Returns when the query returns a row."""
    async with asyncio.timeout(60):
        while not await rows(database, query):
            await asyncio.sleep(0.02)


async def until_none(database: Database, query: str) -> None:
    """Returns when the query returns no row."""
    async with asyncio.timeout(60):
        while await rows(database, query):
            await asyncio.sleep(0.02)


async def until_idle(database: Database) -> None:
    """Returns when no message is left to publish and no operation to advance."""
    await until_none(database, "SELECT 1 FROM outbox UNION SELECT 1 FROM operations")


def distinct_events(received: Sequence[Event]) -> list[Event]:
    """The events without duplicates; fails if two events with one id differ."""
    known: dict[str, Event] = {}
    for event in received:
        assert known.setdefault(event["id"], event) == event, "one id, two contents"
    return list(known.values())


async def assert_activated_once(
    platform: Platform, database: Database, commands: Sequence[str]
) -> None:
    """Asserts that each command took effect once and that each of its two events has one id."""
    assert [await platform.outcome(command) for command in commands] == [
        ["PENDING", "ACTIVE"] for _ in commands
    ]
    await until_idle(database)
    events = Counter(event["data"]["command_id"] for event in distinct_events(platform.events))
    assert events == dict.fromkeys(commands, 2)
    activated = len(commands)
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(activated, 0)]
    changed = "SELECT count(*), sum(sequence) FROM phone_numbers WHERE sequence > 0"
    assert await rows(database, changed) == [(activated, 2 * activated)]
    ended = "SELECT outcome, count(*) FROM commands GROUP BY outcome"
    assert await rows(database, ended) == [("completed", activated)]
