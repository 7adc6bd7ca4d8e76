"""Servers that go away and come back: nothing is rejected, nothing is lost, nobody restarts us."""

import asyncio
from contextlib import AsyncExitStack

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity

from contracts.values import Step
from tests.support.platform import DEAD_LETTERS, Platform, platform_at
from tests.support.quota import full_disk
from tests.support.workers import rows, store, until_leading, working
from worker.local import PrivateServers
from worker.settings import Settings
from worker.storage.engine import CONNECT_TIMEOUT_SECONDS, POOL_CONNECTIONS, Database

SITE = """
    INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 100)
"""
NUMBERS = tuple(f"+44207946{index:04}" for index in range(20))
RESERVED = (
    "INSERT INTO phone_numbers (phone_number, site_id, account_id, status) VALUES "
    + ", ".join(f"('{number}', 'london', 'acme', 'RESERVED')" for number in NUMBERS)
)

LONG_LEDGER = """
    INSERT INTO commands (source, command_id, fingerprint, original, operation, phone_number,
        account_id, site_id, correlation_id, received_at, outcome)
    SELECT '/tests', 'old-' || place, '', true, 'activate', '+442079460000', 'acme', 'london',
        repeat('c', 200), now() - interval '1 day', 'completed'
    FROM generate_series(1, 60000) AS place
"""
"""Larger than a file may become while the disk is full."""


async def test_a_database_that_restarts_rejects_and_loses_nothing(
    servers: PrivateServers, database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, SITE, RESERVED)
    async with working(database, settings) as worker:
        await until_leading(worker)
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
    async with working(database, settings) as worker:
        await until_leading(worker)
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
    async with working(database, settings) as worker:
        await until_leading(worker)
        await servers.rabbitmq.restart()
        async with platform_at(amqp_url) as platform:
            commands = [await platform.send("activate", number) for number in NUMBERS]
            outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)


@pytest.mark.parametrize("queue", ["telephony.phone_number.commands", "telephony.pbx.results"])
async def test_a_queue_that_is_deleted_is_declared_and_read_again(
    database: Database, settings: Settings, platform: Platform, amqp_url: str, queue: str
) -> None:
    await store(database, SITE, RESERVED)
    waiting = settings.model_copy(update={"awaited_steps": frozenset({Step.ACTIVATION})})
    async with working(database, waiting) as worker:
        await until_leading(worker)
        await until_consumed(amqp_url, queue)
        await platform.channel.queue_delete(queue)
        await until_consumed(amqp_url, queue)
        command = await platform.send("activate", NUMBERS[0])
        await platform.until(lambda: platform.events)
        await platform.answer(platform.events[0]["id"], "done")
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def until_consumed(amqp_url: str, queue: str) -> None:
    async with asyncio.timeout(30):
        while not await consumers(amqp_url, queue):
            await asyncio.sleep(0.05)


async def consumers(amqp_url: str, queue: str) -> int:
    """How many it has: none, if it does not exist."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        try:
            declared = await channel.declare_queue(queue, passive=True)
        except ChannelNotFoundEntity:
            return 0
        return declared.declaration_result.consumer_count or 0


@pytest.mark.parametrize(
    "state",
    [
        "53100",  # disk full
        "53200",  # out of memory
        "58030",  # input or output failed
        "XX000",  # a quota is used up, or an internal error
        "25006",  # read-only: this server is the primary no more
        "40001",  # could not be serialised
        "55P03",  # a lock was not to be had
        "57014",  # took too long
    ],
)
async def test_a_database_that_cannot_store_now_is_waited_for(
    database: Database, settings: Settings, platform: Platform, state: str
) -> None:
    await store(database, SITE, RESERVED, *refusing(state))
    async with working(database, settings) as worker:
        await until_leading(worker)
        commands = [await platform.send("activate", number) for number in NUMBERS]
        async with asyncio.timeout(20):
            while not await rows(database, "SELECT 1 FROM refusals WHERE last_value >= 4"):
                await asyncio.sleep(0.02)
        await store(database, "DROP TRIGGER refuses ON outbox")
        outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    letters = await platform.channel.declare_queue(DEAD_LETTERS, passive=True)
    assert letters.declaration_result.message_count == 0


async def test_a_disk_that_is_full_is_waited_for(
    database: Database, database_url: str, settings: Settings, platform: Platform
) -> None:
    await store(database, SITE, RESERVED, LONG_LEDGER)
    async with working(database, settings) as worker:
        await until_leading(worker)
        async with full_disk(database_url):
            commands = [await platform.send("activate", number) for number in NUMBERS * 3]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3):
                    await platform.outcome(commands[-1])
        outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes[: len(NUMBERS)] == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    letters = await platform.channel.declare_queue(DEAD_LETTERS, passive=True)
    assert letters.declaration_result.message_count == 0


async def test_what_the_database_cannot_store_is_not_counted_against_a_message(
    database: Database, settings: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, SITE, RESERVED, *refusing("53100"))
    command = await platform.send("activate", NUMBERS[0])
    await returned_to_its_queue(amqp_url)
    async with working(database, settings) as worker:
        await until_leading(worker)
        async with asyncio.timeout(20):
            while not await rows(database, "SELECT 1 FROM refusals WHERE last_value >= 2"):
                await asyncio.sleep(0.02)
        assert await rows(database, "SELECT attempts FROM poison_attempts") == [(0,)]
        await store(database, "DROP TRIGGER refuses ON outbox")
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
    assert await rows(database, "SELECT 1 FROM poison_attempts") == []


async def returned_to_its_queue(amqp_url: str) -> None:
    """Takes a command and is gone: it comes again, and is marked for that."""
    taken = asyncio.Event()

    async def take(_: AbstractIncomingMessage) -> None:
        taken.set()

    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("telephony.phone_number.commands", ensure=False)
        await queue.consume(take)
        await asyncio.wait_for(taken.wait(), 10)


async def test_a_pool_that_is_used_up_is_waited_for(database: Database) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(POOL_CONNECTIONS):
            await stack.enter_async_context(database.engine.connect())
        asking = asyncio.create_task(rows_in_the_end(database))
        # Longer than the pool lets anybody wait for a connection.
        await asyncio.sleep(CONNECT_TIMEOUT_SECONDS + 1)
        assert not asking.done()
    assert await asyncio.wait_for(asking, 20) == 1


async def test_whoever_waits_for_a_connection_gets_the_first_that_is_given_back(
    database: Database,
) -> None:
    async with AsyncExitStack() as others:
        for _ in range(POOL_CONNECTIONS - 1):
            await others.enter_async_context(database.session())
        async with database.session():
            waiting = asyncio.create_task(one_more(database))
            await asyncio.sleep(0.1)
            assert not waiting.done()
        await asyncio.wait_for(waiting, CONNECT_TIMEOUT_SECONDS - 1)
    async with database.own_session() as own:
        assert await own.driver.fetchval("SELECT 1") == 1


async def one_more(database: Database) -> None:
    async with database.session():
        pass


async def rows_in_the_end(database: Database) -> int:
    found: int = await database.transact(lambda on: on.driver.fetchval("SELECT 1"))
    return found


def refusing(state: str) -> tuple[str, ...]:
    """Nothing can be stored in the outbox, for a reason with this SQLSTATE."""
    return (
        "CREATE SEQUENCE refusals",
        f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM nextval('refusals');
            RAISE EXCEPTION 'not now' USING ERRCODE = '{state}';
        END $$""",
        """CREATE TRIGGER refuses BEFORE INSERT ON outbox
        FOR EACH STATEMENT EXECUTE FUNCTION refuse()""",
    )
