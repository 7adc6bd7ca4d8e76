"""Servers that go away and come back: nothing is rejected, nothing is lost, nobody restarts us."""

import asyncio

from tests.support.platform import Platform, platform_at
from tests.support.workers import rows, store, until_leading, working
from worker.servers import PrivateServers
from worker.shell.database.engine import Database
from worker.shell.settings import Settings

SITE = """
    INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 100)
"""
NUMBERS = tuple(f"+44207946{index:04}" for index in range(20))
RESERVED = (
    "INSERT INTO phone_numbers (phone_number, site_id, account_id, status) VALUES "
    + ", ".join(f"('{number}', 'london', 'acme', 'RESERVED')" for number in NUMBERS)
)


async def test_a_database_that_restarts_rejects_and_loses_nothing(
    servers: PrivateServers, database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, SITE, RESERVED)
    async with working(database, settings) as lane:
        await until_leading(lane)
        restarting = asyncio.create_task(servers.postgresql.restart())
        commands = [await platform.send("activate", number) for number in NUMBERS]
        await restarting
        outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(20, 0)]


async def test_a_database_that_is_killed_loses_nothing_either(
    servers: PrivateServers, database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, SITE, RESERVED)
    async with working(database, settings) as lane:
        await until_leading(lane)
        commands = [await platform.send("activate", number) for number in NUMBERS]
        await servers.postgresql.kill()
        await servers.postgresql.start()
        outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    assert len(await rows(database, "SELECT 1 FROM commands WHERE outcome = 'completed'")) == 20


async def test_a_broker_that_restarts_is_found_again(
    servers: PrivateServers, database: Database, settings: Settings, amqp_url: str
) -> None:
    await store(database, SITE, RESERVED)
    async with working(database, settings) as lane:
        await until_leading(lane)
        await servers.rabbitmq.restart()
        async with platform_at(amqp_url) as platform:
            commands = [await platform.send("activate", number) for number in NUMBERS]
            outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
