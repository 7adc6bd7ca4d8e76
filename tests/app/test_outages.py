"""Outages of the servers: the worker rejects and loses nothing, and recovers by itself."""

import asyncio
from contextlib import AsyncExitStack

import aio_pika
import pytest
from activation_contracts.values import Step
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity

from tests.support.data.inserts import commands as ledger_commands
from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.faults.lossy import database_proxy, until
from tests.support.faults.proxy import Proxy
from tests.support.platform import DEAD_LETTERS, Platform, platform_at
from tests.support.stories.quota import full_disk
from tests.support.workers import rows, store, until_leading, working
from worker.app.probes import probes_of
from worker.local import PrivateServers
from worker.settings import Settings
from worker.storage.connecting.connector import CONNECT_TIMEOUT_SECONDS
from worker.storage.connecting.engine import POOL_CONNECTIONS, Database, open_database
from worker.telemetry.metrics import Metrics

__all__ = ["database_proxy"]

NUMBERS = tuple(f"+44207946{index:04}" for index in range(20))
SITE = (voice_service(100), phone_numbers(*NUMBERS))
SEVERAL_PAUSES_SECONDS = 3
"""Within this time a worker tries several times to use a server that is away."""
BROKER_RECONNECTS = "activation_worker_broker_reconnects_total"
LONG_LEDGER = ledger_commands(60_000, "old", correlation_id="c" * 200)
"""Larger than a file may become while the disk is full."""


async def test_worker_rejects_and_loses_nothing_when_the_database_restarts(
    servers: PrivateServers, database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, settings) as worker:
        await until_leading(worker)
        restarting = asyncio.create_task(servers.postgresql.restart())
        commands = [await platform.send("activate", number) for number in NUMBERS]
        await restarting
        outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(20, 0)]


async def test_worker_loses_nothing_when_the_database_is_killed(
    servers: PrivateServers, database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, settings) as worker:
        await until_leading(worker)
        commands = [await platform.send("activate", number) for number in NUMBERS]
        await servers.postgresql.kill()
        await servers.postgresql.start()
        outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    assert len(await rows(database, "SELECT 1 FROM commands WHERE outcome = 'completed'")) == 20


async def test_worker_reconnects_to_a_broker_that_restarts(
    servers: PrivateServers, database: Database, settings: Settings, amqp_url: str
) -> None:
    metrics = Metrics()
    await store(database, *SITE)
    async with working(database, settings, metrics=metrics) as worker:
        await until_leading(worker)
        await servers.rabbitmq.restart()
        async with platform_at(amqp_url) as platform:
            commands = [await platform.send("activate", number) for number in NUMBERS]
            outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    assert metrics.registry.get_sample_value(BROKER_RECONNECTS) == 1


async def test_a_session_that_ends_with_the_database_counts_as_no_reconnect_to_the_broker(
    settings: Settings, database_proxy: Proxy
) -> None:
    metrics = Metrics()
    quick = settings.model_copy(update={"leader_silence_maximum_seconds": 1})
    async with (
        open_database(database_proxy.url, waits=True) as far_away,
        working(far_away, quick, metrics=metrics) as worker,
    ):
        await until_leading(worker)
        database_proxy.refuse()
        database_proxy.cut()
        await until(lambda: not worker.connected)
        await database_proxy.accept()
        await until_leading(worker)

    assert metrics.registry.get_sample_value(BROKER_RECONNECTS) == 0


async def test_worker_waits_for_the_database_before_it_connects_to_the_broker_again(
    settings: Settings, database_proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = settings.model_copy(update={"leader_silence_maximum_seconds": 1})
    async with (
        open_database(database_proxy.url, waits=True) as far_away,
        working(far_away, quick) as worker,
    ):
        await until_leading(worker)
        probes = probes_of(far_away, worker)
        assert await probes["schema"]() is None
        database_proxy.refuse()
        database_proxy.cut()
        await until(lambda: not worker.connected)
        assert "cannot be read" in str(await probes["schema"]())
        await asyncio.sleep(SEVERAL_PAUSES_SECONDS)
        await database_proxy.accept()
        await until_leading(worker)
    log = capsys.readouterr().out

    assert log.count("broker_connected") == 2
    assert log.count("database_lost") == 1
    assert log.count("leadership_lost") == 1
    assert "broker_lost" not in log


@pytest.mark.parametrize("queue", ["telephony.phone_number.commands", "telephony.pbx.results"])
async def test_worker_declares_and_consumes_a_deleted_queue_again(
    database: Database, settings: Settings, platform: Platform, amqp_url: str, queue: str
) -> None:
    await store(database, *SITE)
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
    async with asyncio.timeout(90):
        while not await consumers(amqp_url, queue):
            await asyncio.sleep(0.05)


async def consumers(amqp_url: str, queue: str) -> int:
    """How many consumers the queue has: none, if it does not exist."""
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
        "58030",  # I/O error
        "XX000",  # internal error, or exceeded disk quota
        "25006",  # read-only: not the primary any more
        "40001",  # serialization failure
        "55P03",  # lock timeout
        "57014",  # statement timeout
    ],
)
async def test_worker_waits_for_a_database_that_cannot_store(
    database: Database, settings: Settings, platform: Platform, state: str
) -> None:
    await store(database, *SITE, *refusing(state))
    async with working(database, settings) as worker:
        await until_leading(worker)
        commands = [await platform.send("activate", number) for number in NUMBERS]
        async with asyncio.timeout(20):
            while not await rows(database, "SELECT 1 FROM refusals WHERE last_value >= 4"):
                await asyncio.sleep(0.02)
        await store(database, "DROP TRIGGER refuses ON outbox")
        outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    dead_letters = await platform.channel.declare_queue(DEAD_LETTERS, passive=True)
    assert dead_letters.declaration_result.message_count == 0


async def test_worker_waits_for_a_full_disk(
    database: Database, database_url: str, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, LONG_LEDGER)
    async with working(database, settings) as worker:
        await until_leading(worker)
        async with full_disk(database_url):
            commands = [await platform.send("activate", number) for number in NUMBERS * 3]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3):
                    await platform.outcome(commands[-1])
            problem = await probes_of(database, worker)["database"]()
        outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes[: len(NUMBERS)] == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    assert "refuses the worker's transactions" in str(problem)
    assert await probes_of(database, worker)["database"]() is None
    dead_letters = await platform.channel.declare_queue(DEAD_LETTERS, passive=True)
    assert dead_letters.declaration_result.message_count == 0


async def test_a_database_failure_does_not_count_as_an_attempt_at_a_message(
    database: Database, settings: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE, *refusing("53100"))
    command = await platform.send("activate", NUMBERS[0])
    await return_to_its_queue(amqp_url)
    async with working(database, settings) as worker:
        await until_leading(worker)
        async with asyncio.timeout(20):
            while not await rows(database, "SELECT 1 FROM refusals WHERE last_value >= 2"):
                await asyncio.sleep(0.02)
        assert await rows(database, "SELECT attempts FROM poison_attempts") == [(0,)]
        await store(database, "DROP TRIGGER refuses ON outbox")
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
    assert await rows(database, "SELECT 1 FROM poison_attempts") == []


async def return_to_its_queue(amqp_url: str) -> None:
    """Takes a command and closes the channel; the broker marks the command as redelivered."""
    delivered = asyncio.Event()

    async def take(_: AbstractIncomingMessage) -> None:
        delivered.set()

    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("telephony.phone_number.commands", ensure=False)
        await queue.consume(take)
        await asyncio.wait_for(delivered.wait(), 10)


async def test_a_transaction_waits_while_the_pool_is_exhausted(database: Database) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(POOL_CONNECTIONS):
            await stack.enter_async_context(database.engine.connect())
        selecting = asyncio.create_task(select_one(database))
        # Longer than the pool lets a task wait for a connection.
        await asyncio.sleep(CONNECT_TIMEOUT_SECONDS + 1)
        assert not selecting.done()
    assert await asyncio.wait_for(selecting, 20) == 1


async def test_a_waiting_task_gets_the_first_connection_that_is_returned(
    database: Database,
) -> None:
    async with AsyncExitStack() as others:
        for _ in range(POOL_CONNECTIONS - 1):
            await others.enter_async_context(database.session())
        async with database.session():
            waiting = asyncio.create_task(use_connection(database))
            await asyncio.sleep(0.1)
            assert not waiting.done()
        await asyncio.wait_for(waiting, CONNECT_TIMEOUT_SECONDS - 1)
    async with database.own_session() as own:
        assert await own.driver.fetchval("SELECT 1") == 1


async def use_connection(database: Database) -> None:
    async with database.session():
        pass


async def select_one(database: Database) -> int:
    found: int = await database.transact(lambda on: on.driver.fetchval("SELECT 1"))
    return found


def refusing(state: str) -> tuple[str, ...]:
    """Statements that make every insert into the outbox fail with this SQLSTATE."""
    return (
        "CREATE SEQUENCE refusals",
        f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM nextval('refusals');
            RAISE EXCEPTION 'not now' USING ERRCODE = '{state}';
        END $$""",
        """CREATE TRIGGER refuses BEFORE INSERT ON outbox
        FOR EACH STATEMENT EXECUTE FUNCTION refuse()""",
    )
