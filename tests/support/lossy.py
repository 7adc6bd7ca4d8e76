"""Fixtures for a worker whose network is bad: both servers are reached through a proxy."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.support.platform import Event, Platform
from tests.support.proxy import Proxy, proxied
from tests.support.wire import AmqpConversation, PostgresConversation
from tests.support.workers import rows, until_leading, working
from worker.cluster.supervisor import Supervisor
from worker.settings import Settings
from worker.storage.engine import Database, open_database

NUMBERS = tuple(f"+44207946{index:04}" for index in range(20))
SITE = (
    """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 100)""",
    "INSERT INTO phone_numbers (phone_number, site_id, account_id, status) VALUES "
    + ", ".join(f"('{number}', 'london', 'acme', 'RESERVED')" for number in NUMBERS),
)


@pytest.fixture
async def database_proxy(database_url: str) -> AsyncIterator[Proxy]:
    """Stands before the test's own database."""
    async with proxied(database_url, PostgresConversation) as proxy:
        yield proxy


@pytest.fixture
async def broker_proxy(amqp_url: str) -> AsyncIterator[Proxy]:
    """Stands before the test's own virtual host."""
    async with proxied(amqp_url, AmqpConversation) as proxy:
        yield proxy


@pytest.fixture
def lossy_settings(database_proxy: Proxy, broker_proxy: Proxy, settings: Settings) -> Settings:
    """Settings for a worker that reaches both servers through the proxies."""
    through = {"database_url": database_proxy.url, "amqp_urls": (broker_proxy.url,)}
    return settings.model_copy(update=through)


@asynccontextmanager
async def working_far_away(settings: Settings) -> AsyncIterator[Supervisor]:
    """A worker that leads, and whose database is reached by these settings as well."""
    async with (
        open_database(settings.database_url) as database,
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
    """Returns when the query finds something."""
    async with asyncio.timeout(60):
        while not await rows(database, query):
            await asyncio.sleep(0.02)


async def until_none(database: Database, query: str) -> None:
    """Returns when the query finds nothing."""
    async with asyncio.timeout(60):
        while await rows(database, query):
            await asyncio.sleep(0.02)


async def at_rest(database: Database) -> None:
    """Returns when nothing is left to be said or done."""
    await until_none(database, "SELECT 1 FROM outbox UNION SELECT 1 FROM operations")


def said_once(heard: Sequence[Event]) -> list[Event]:
    """What was said, repeats left out; fails if one id ever had two contents."""
    known: dict[str, Event] = {}
    for event in heard:
        assert known.setdefault(event["id"], event) == event, "one id, two contents"
    return list(known.values())


async def activated_once(platform: Platform, database: Database, commands: Sequence[str]) -> None:
    """Every command was carried out once, and its answers were said under one id each."""
    assert [await platform.outcome(command) for command in commands] == [
        ["PENDING", "ACTIVE"] for _ in commands
    ]
    await at_rest(database)
    said = Counter(event["data"]["command_id"] for event in said_once(platform.events))
    assert said == dict.fromkeys(commands, 2)
    activated = len(commands)
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(activated, 0)]
    changed = "SELECT count(*), sum(sequence) FROM phone_numbers WHERE sequence > 0"
    assert await rows(database, changed) == [(activated, 2 * activated)]
    ended = "SELECT outcome, count(*) FROM commands GROUP BY outcome"
    assert await rows(database, ended) == [("completed", activated)]
