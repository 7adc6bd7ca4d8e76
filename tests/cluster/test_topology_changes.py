"""Exchanges, queues and permissions change under a running worker: it waits, says why, goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support.platform import DEAD_LETTERS, Event, Platform, platform_at
from tests.support.workers import rows, store, until_leading, working
from worker.broker.connection import connect
from worker.broker.topology import declare
from worker.local import PrivateServers
from worker.settings import Settings
from worker.storage.engine import Database

NUMBERS = tuple(f"+44207946{index:04}" for index in range(1, 6))
MAIN_NUMBER = "+442079460000"
SITE = (
    """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 20)""",
    f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, status, main_number)
    VALUES ('{MAIN_NUMBER}', 'london', 'acme', 'ACTIVE', true)""",
    f"""INSERT INTO call_settings
    VALUES ('{MAIN_NUMBER}', 'reception', 'hunt_group', 'none', 'none')""",
    *(
        f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, extension, status)
        VALUES ('{number}', 'london', 'acme', '1', 'RESERVED')"""
        for number in NUMBERS
    ),
)
USER = "worker-of-this-test"
Control = Callable[..., Awaitable[str]]


@pytest.fixture
async def control(servers: PrivateServers, amqp_url: str) -> Control:
    """`rabbitmqctl` on the virtual host of this test."""
    virtual_host = amqp_url.rsplit("/", 1)[1]

    async def run(verb: str, *arguments: str) -> str:
        return await servers.rabbitmq.control(verb, "--vhost", virtual_host, *arguments)

    return run


@asynccontextmanager
async def silent(servers: PrivateServers, amqp_url: str, queue: str) -> AsyncIterator[None]:
    """The queue answers nobody, like one without a majority of its nodes."""
    process = f"'{amqp_url.rsplit('/', 1)[1]}_{queue}'"
    await servers.rabbitmq.control("eval", f"sys:suspend({process}).")
    try:
        yield
    finally:
        await servers.rabbitmq.control("eval", f"sys:resume({process}).")


async def until_refused(database: Database, words: str) -> None:
    """Waits until the outbox says why a message is still there."""
    query = f"SELECT 1 FROM outbox WHERE last_error LIKE '%{words}%'"
    async with asyncio.timeout(30):
        while not await rows(database, query):
            await asyncio.sleep(0.05)


async def retried(database: Database) -> None:
    """Spares the test the pause before the next attempt."""
    await store(database, "UPDATE outbox SET next_attempt_at = NULL")


def joins(platform: Platform) -> set[str]:
    return {message["data"]["phone_number"] for message in platform.pbx_messages}


async def test_a_pbx_queue_that_is_full_gets_its_messages_when_there_is_room(
    database: Database, settings: Settings, platform: Platform, control: Control
) -> None:
    full = '{"max-length": 1, "overflow": "reject-publish"}'
    await store(database, *SITE)
    read: list[Event] = []
    async with working(database, settings):
        # A site's own queue, and no consumer that would empty it.
        queue = await platform.channel.declare_queue("site.pbx", durable=True)
        await queue.bind("telephony.pbx", "hunt_group_membership.london")
        await control("set_policy", "full", "^site", full)
        commands = [await platform.send("activate", number) for number in NUMBERS]
        assert [await platform.outcome(it) for it in commands] == [["PENDING", "ACTIVE"]] * 5
        await until_refused(database, "the broker refused it")
        await control("clear_policy", "full")
        await platform.collect(queue, read)
        async with asyncio.timeout(30):
            while await rows(database, "SELECT 1 FROM outbox"):
                await retried(database)
                await asyncio.sleep(0.1)

    assert {message["data"]["phone_number"] for message in read} == {*NUMBERS}
    assert await rows(database, "SELECT count(*) FROM hunt_group_members") == [(5,)]


async def test_an_exchange_that_was_deleted_is_declared_again(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, settings) as worker:
        await until_leading(worker)
        await platform.channel.exchange_delete("telephony.pbx")
        command = await platform.send("activate", NUMBERS[0])
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        await until_refused(database, "no exchange ''telephony.pbx''")
        await retried(database)
        await platform.until(lambda: joins(platform) == {NUMBERS[0]})

    assert len({message["id"] for message in platform.pbx_messages}) == 1


async def test_without_the_right_to_declare_a_missing_exchange_is_waited_for(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, settings.model_copy(update={"declare_topology": False})) as worker:
        await until_leading(worker)
        await platform.channel.exchange_delete("telephony.pbx")
        commands = [await platform.send("activate", number) for number in NUMBERS]
        assert [await platform.outcome(it) for it in commands] == [["PENDING", "ACTIVE"]] * 5
        await until_refused(database, "no exchange ''telephony.pbx''")
        exchange = await platform.channel.declare_exchange("telephony.pbx", "topic", durable=True)
        queue = await platform.channel.get_queue("pbx.hunt-group-membership", ensure=False)
        await queue.bind(exchange, "hunt_group_membership.*")
        async with asyncio.timeout(30):
            while await rows(database, "SELECT 1 FROM outbox"):
                await retried(database)
                await asyncio.sleep(0.1)

    assert joins(platform) == {*NUMBERS}


async def test_the_right_to_publish_may_be_withdrawn_and_given_back(
    database: Database,
    settings: Settings,
    platform: Platform,
    amqp_url: str,
    servers: PrivateServers,
    control: Control,
) -> None:
    await servers.rabbitmq.control("add_user", USER, USER)
    await control("set_permissions", USER, "^$", ".*", ".*")
    own = {"declare_topology": False, "amqp_urls": (amqp_url.replace("guest", USER),)}
    await store(database, *SITE)
    async with working(database, settings.model_copy(update=own)) as worker:
        await until_leading(worker)
        await control("set_permissions", USER, "^$", "^telephony.events$", ".*")
        commands = [await platform.send("activate", number) for number in NUMBERS]
        assert [await platform.outcome(it) for it in commands] == [["PENDING", "ACTIVE"]] * 5
        await until_refused(database, "ACCESS_REFUSED")
        await control("set_permissions", USER, "^$", ".*", ".*")
        async with asyncio.timeout(30):
            while await rows(database, "SELECT 1 FROM outbox"):
                await retried(database)
                await asyncio.sleep(0.1)
    await servers.rabbitmq.control("delete_user", USER)

    assert joins(platform) == {*NUMBERS}


@pytest.mark.campaign
async def test_a_queue_that_never_confirms_holds_up_its_own_messages_only(
    servers: PrivateServers,
    database: Database,
    settings: Settings,
    platform: Platform,
    amqp_url: str,
) -> None:
    await store(database, *SITE)
    # The broker's channel itself stands still for five seconds over such a queue.
    impatient = settings.model_copy(update={"publish_timeout_seconds": 8})
    async with working(database, impatient) as worker:
        await until_leading(worker)
        async with silent(servers, amqp_url, "pbx.hunt-group-membership"):
            first = await platform.send("activate", NUMBERS[0])
            await until_refused(database, "not confirmed in 8 s")
            second = await platform.send("activate", NUMBERS[1])
            assert await platform.outcome(first) == ["PENDING", "ACTIVE"]
            assert await platform.outcome(second) == ["PENDING", "ACTIVE"]
            assert joins(platform) == set()
        # What goes the same way is spared for half a minute.
        async with asyncio.timeout(60):
            while joins(platform) != {*NUMBERS[:2]}:
                await retried(database)
                await asyncio.sleep(0.5)


async def test_a_dead_letter_waits_for_its_queue(
    database: Database, settings: Settings, platform: Platform, amqp_url: str
) -> None:
    async with working(database, settings) as worker:
        await until_leading(worker)
        await platform.channel.queue_delete(DEAD_LETTERS)
        await platform.send_raw(b"no json")
        command = await platform.send("activate", "+442079469999")
        assert await platform.outcome(command) == ["NUMBER_UNKNOWN"]
        await asyncio.sleep(1)
        async with await connect([amqp_url]) as connection:
            await declare(connection)

        assert (await platform.dead_letter()).body == b"no json"


async def test_a_queue_that_came_back_as_another_does_not_end_a_worker_that_has_worked(
    database: Database, settings: Settings, platform: Platform, amqp_url: str, control: Control
) -> None:
    await store(database, *SITE)
    async with working(database, settings) as worker:
        await until_leading(worker)
        await platform.channel.queue_delete("pbx.handset-logout")
        await platform.channel.declare_queue("pbx.handset-logout", durable=True)
        await control("close_all_connections", "a test")
        async with platform_at(amqp_url) as again:
            command = await again.send("activate", NUMBERS[0])
            assert await again.outcome(command) == ["PENDING", "ACTIVE"]


async def test_what_is_held_behind_a_message_was_not_tried(
    database: Database, settings: Settings, platform: Platform
) -> None:
    active = f"UPDATE phone_numbers SET status = 'ACTIVE' WHERE phone_number = '{NUMBERS[0]}'"
    login = f"INSERT INTO handset_logins VALUES ('{NUMBERS[0]}', 'desk-7', 'digital')"
    await store(database, *SITE, active, login)
    async with working(database, settings) as worker:
        await until_leading(worker)
        await platform.channel.queue_delete("pbx.handset-logout")
        await platform.send("deactivate", NUMBERS[0])
        await until_refused(database, "no queue")
        kinds = (
            "SELECT message_type, attempts FROM outbox WHERE exchange = 'telephony.pbx'"
            " ORDER BY position"
        )
        tried = [
            (str(kind).split(".")[1], attempts) for kind, attempts in await rows(database, kinds)
        ]

    assert tried == [("handset", 1), ("extension", 0)]
