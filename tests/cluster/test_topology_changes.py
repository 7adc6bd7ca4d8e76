"""Exchanges, queues and permissions change under a running worker: it logs why, and retries."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support.data.inserts import call_settings, handset_login, phone_numbers, voice_service
from tests.support.platform import DEAD_LETTERS, Event, Platform, platform_at
from tests.support.workers import rows, store, until_leading, working
from worker.broker.connecting.connection import connect
from worker.broker.topology import declare
from worker.local import PrivateServers
from worker.settings import Settings
from worker.storage.connecting.engine import Database

NUMBERS = tuple(f"+44207946{index:04}" for index in range(1, 6))
MAIN_NUMBER = "+442079460000"
SITE = (
    voice_service(20),
    phone_numbers(MAIN_NUMBER, status="ACTIVE", main_number=True),
    call_settings(MAIN_NUMBER),
    phone_numbers(*NUMBERS, extension="1"),
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
async def suspended(servers: PrivateServers, amqp_url: str, queue: str) -> AsyncIterator[None]:
    """The queue does not answer, like one without a majority of its nodes."""
    process = f"'{amqp_url.rsplit('/', 1)[1]}_{queue}'"
    await servers.rabbitmq.control("eval", f"sys:suspend({process}).")
    try:
        yield
    finally:
        await servers.rabbitmq.control("eval", f"sys:resume({process}).")


async def until_refused(database: Database, words: str) -> None:
    """Waits until the outbox has recorded this error."""
    query = f"SELECT 1 FROM outbox WHERE last_error LIKE '%{words}%'"
    async with asyncio.timeout(90):
        while not await rows(database, query):
            await asyncio.sleep(0.05)


async def retry_now(database: Database) -> None:
    """Skips the pause before the next attempt; in the worker's order, or both would deadlock."""
    positions = "SELECT position FROM outbox ORDER BY position FOR UPDATE"
    await store(
        database, f"UPDATE outbox SET next_attempt_at = NULL WHERE position IN ({positions})"
    )


def joined_numbers(platform: Platform) -> set[str]:
    return {message["data"]["phone_number"] for message in platform.pbx_messages}


async def test_worker_publishes_to_a_full_pbx_queue_when_it_has_room_again(
    database: Database, settings: Settings, platform: Platform, control: Control
) -> None:
    full = '{"max-length": 1, "overflow": "reject-publish"}'
    await store(database, *SITE)
    messages: list[Event] = []
    async with working(database, settings):
        # A queue without a consumer.
        queue = await platform.channel.declare_queue("site.pbx", durable=True)
        await queue.bind("telephony.pbx", "hunt_group_membership.london")
        await control("set_policy", "full", "^site", full)
        commands = [await platform.send("activate", number) for number in NUMBERS]
        assert [await platform.outcome(it) for it in commands] == [["PENDING", "ACTIVE"]] * 5
        await until_refused(database, "refused it: it is full, limited by a policy, or unavailable")
        await control("clear_policy", "full")
        await platform.collect(queue, messages)
        async with asyncio.timeout(90):
            while await rows(database, "SELECT 1 FROM outbox"):
                await retry_now(database)
                await asyncio.sleep(0.1)

    assert {message["data"]["phone_number"] for message in messages} == {*NUMBERS}
    assert await rows(database, "SELECT count(*) FROM hunt_group_members") == [(5,)]


async def test_worker_declares_a_deleted_exchange_again(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, settings) as worker:
        await until_leading(worker)
        await platform.channel.exchange_delete("telephony.pbx")
        command = await platform.send("activate", NUMBERS[0])
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        await until_refused(database, "no exchange ''telephony.pbx''")
        await retry_now(database)
        await platform.until(lambda: joined_numbers(platform) == {NUMBERS[0]})

    assert len({message["id"] for message in platform.pbx_messages}) == 1


async def test_worker_without_permission_to_declare_waits_for_a_missing_exchange(
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
        async with asyncio.timeout(90):
            while await rows(database, "SELECT 1 FROM outbox"):
                await retry_now(database)
                await asyncio.sleep(0.1)

    assert joined_numbers(platform) == {*NUMBERS}


async def test_worker_publishes_again_when_a_withdrawn_permission_is_granted_again(
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
        async with asyncio.timeout(90):
            while await rows(database, "SELECT 1 FROM outbox"):
                await retry_now(database)
                await asyncio.sleep(0.1)
    await servers.rabbitmq.control("delete_user", USER)

    assert joined_numbers(platform) == {*NUMBERS}


@pytest.mark.campaign
async def test_a_queue_that_never_confirms_delays_only_its_own_messages(
    servers: PrivateServers,
    database: Database,
    settings: Settings,
    platform: Platform,
    amqp_url: str,
) -> None:
    await store(database, *SITE)
    # Such a queue blocks the broker's side of the channel for five seconds.
    impatient = settings.model_copy(update={"publish_timeout_seconds": 8})
    async with working(database, impatient) as worker:
        await until_leading(worker)
        async with suspended(servers, amqp_url, "pbx.hunt-group-membership"):
            first = await platform.send("activate", NUMBERS[0])
            await until_refused(database, "not confirmed in 8 s")
            second = await platform.send("activate", NUMBERS[1])
            assert await platform.outcome(first) == ["PENDING", "ACTIVE"]
            assert await platform.outcome(second) == ["PENDING", "ACTIVE"]
            assert joined_numbers(platform) == set()
        # The circuit breaker stays open for half a minute.
        async with asyncio.timeout(60):
            while joined_numbers(platform) != {*NUMBERS[:2]}:
                await retry_now(database)
                await asyncio.sleep(0.5)


async def test_worker_publishes_a_dead_letter_when_its_queue_exists_again(
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


async def test_a_worker_that_has_connected_survives_a_queue_with_other_properties(
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


async def test_relay_does_not_try_a_message_behind_an_undelivered_one(
    database: Database, settings: Settings, platform: Platform
) -> None:
    active = f"UPDATE phone_numbers SET status = 'ACTIVE' WHERE phone_number = '{NUMBERS[0]}'"
    await store(database, *SITE, active, handset_login(NUMBERS[0]))
    async with working(database, settings) as worker:
        await until_leading(worker)
        await platform.channel.queue_delete("pbx.handset-logout")
        await platform.send("deactivate", NUMBERS[0])
        await until_refused(database, "no queue")
        kinds = (
            "SELECT message_type, attempts FROM outbox WHERE exchange = 'telephony.pbx'"
            " ORDER BY position"
        )
        attempted = [
            (str(kind).split(".")[1], attempts) for kind, attempts in await rows(database, kinds)
        ]

    assert attempted == [("handset", 1), ("extension", 0)]
