"""A bad network to RabbitMQ: no message is lost, and a message sent twice keeps its id."""

import asyncio

import pytest
from activation_contracts.values import Step

from tests.support.data.inserts import handset_login
from tests.support.faults.lossy import (
    NUMBERS,
    SITE,
    assert_activated_once,
    distinct_events,
    until,
    until_idle,
    working_through_proxies,
)
from tests.support.faults.proxy import Proxy
from tests.support.faults.traps import Lost, Trap
from tests.support.platform import Platform
from tests.support.workers import rows, store, until_leading, working
from worker.settings import Settings
from worker.storage.connecting.engine import Database

IN_USE = (
    f"UPDATE phone_numbers SET status = 'ACTIVE' WHERE phone_number = '{NUMBERS[0]}'",
    handset_login(NUMBERS[0]),
)


@pytest.fixture
def waiting(lossy_settings: Settings) -> Settings:
    """A worker that waits for the PBX to activate a number."""
    return lossy_settings.model_copy(update={"awaited_steps": frozenset({Step.ACTIVATION})})


async def test_an_event_whose_confirm_is_lost_is_published_again_under_the_same_id(
    database: Database, lossy_settings: Settings, platform: Platform, broker_proxy: Proxy
) -> None:
    await store(database, *SITE)
    async with working_through_proxies(lossy_settings):
        broker_proxy.set(Trap(Lost.REPLY, of="basic.publish"))
        command = await platform.send("activate", NUMBERS[0])
        await assert_activated_once(platform, database, [command])

    statuses = [event["data"]["status"] for event in platform.events]
    assert statuses == ["PENDING", "PENDING", "ACTIVE"]


async def test_an_event_that_does_not_reach_the_broker_is_published_again(
    database: Database, lossy_settings: Settings, platform: Platform, broker_proxy: Proxy
) -> None:
    await store(database, *SITE)
    async with working_through_proxies(lossy_settings):
        broker_proxy.set(Trap(Lost.REQUEST, of="basic.publish"))
        command = await platform.send("activate", NUMBERS[0])
        await assert_activated_once(platform, database, [command])

    assert [event["data"]["status"] for event in platform.events] == ["PENDING", "ACTIVE"]


async def test_a_pbx_message_whose_confirm_is_lost_is_published_again_under_the_same_id(
    database: Database, lossy_settings: Settings, platform: Platform, broker_proxy: Proxy
) -> None:
    await store(database, *SITE, *IN_USE)
    async with working_through_proxies(lossy_settings):
        broker_proxy.set(Trap(Lost.REPLY, of="basic.publish", about=b"handset_logout"))
        command = await platform.send("deactivate", NUMBERS[0])
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]
        await until_idle(database)

    logout, again, reset = platform.pbx_messages
    assert logout == again
    assert reset["type"] == "telephony.extension.reset.v1"
    assert await rows(database, "SELECT sequence FROM phone_numbers WHERE sequence > 0") == [(2,)]


@pytest.mark.parametrize(("lost", "times"), [(Lost.REQUEST, 2), (Lost.REPLY, 1)])
async def test_a_command_is_redelivered_when_its_acknowledgement_is_lost_and_has_no_second_effect(
    database: Database,
    lossy_settings: Settings,
    platform: Platform,
    broker_proxy: Proxy,
    lost: Lost,
    times: int,
) -> None:
    await store(database, *SITE)
    async with working_through_proxies(lossy_settings):
        acknowledgements = broker_proxy.set(Trap(lost, of="basic.ack"))
        command = await platform.send("activate", NUMBERS[0])
        await asyncio.wait_for(acknowledgements.sprung.wait(), 30)
        await until(lambda: len(acknowledgements.passed) == times)
        await assert_activated_once(platform, database, [command])


async def test_a_result_whose_acknowledgement_is_lost_counts_as_one_attempt(
    database: Database, waiting: Settings, platform: Platform, broker_proxy: Proxy
) -> None:
    await store(database, *SITE)
    # Long: the PBX must not count as silent meanwhile, which is an attempt too.
    patient = waiting.model_copy(update={"step_first_pause_seconds": 10})
    async with working_through_proxies(patient):
        # The first is that of the command.
        acknowledgements = broker_proxy.set(Trap(Lost.REQUEST, 2, of="basic.ack"))
        command = await platform.send("activate", NUMBERS[0])
        await platform.until(lambda: platform.events)
        await until(lambda: len(acknowledgements.passed) == 1)
        await platform.answer(platform.events[0]["id"], "retry_later")
        await until(lambda: len(acknowledgements.passed) == 3)
        await platform.answer(platform.events[0]["id"], "done")
        await assert_activated_once(platform, database, [command])

    assert await rows(database, "SELECT attempt FROM pbx_steps") == [(2,)]


async def test_worker_completes_all_commands_when_the_broker_is_cut_off_in_between(
    database: Database, lossy_settings: Settings, platform: Platform, broker_proxy: Proxy
) -> None:
    await store(database, *SITE)
    async with working_through_proxies(lossy_settings):
        commands = [await platform.send("activate", number) for number in NUMBERS[:10]]
        await platform.until(lambda: platform.events)
        broker_proxy.cut()
        commands += [await platform.send("activate", number) for number in NUMBERS[10:]]
        await assert_activated_once(platform, database, commands)


async def test_worker_waits_for_a_broker_that_refuses_connections(
    database: Database, lossy_settings: Settings, platform: Platform, broker_proxy: Proxy
) -> None:
    await store(database, *SITE)
    async with working_through_proxies(lossy_settings) as worker:
        broker_proxy.refuse()
        broker_proxy.cut()
        command = await platform.send("activate", NUMBERS[0])
        await until(lambda: not worker.connected)
        await broker_proxy.accept()
        await assert_activated_once(platform, database, [command])


async def test_worker_waits_for_a_broker_that_accepts_connections_but_does_not_answer(
    database: Database, lossy_settings: Settings, platform: Platform, broker_proxy: Proxy
) -> None:
    await store(database, *SITE)
    broker_proxy.freeze()
    command = await platform.send("activate", NUMBERS[0])
    async with working(database, lossy_settings) as worker:
        await until(lambda: broker_proxy.kept_back)
        assert not worker.connected
        broker_proxy.thaw()
        await until_leading(worker)
        await assert_activated_once(platform, database, [command])


@pytest.mark.campaign
async def test_worker_leaves_a_frozen_broker_and_publishes_its_outbox_later_without_new_traffic(
    database: Database, waiting: Settings, platform: Platform, broker_proxy: Proxy
) -> None:
    await store(database, *SITE)
    impatient = waiting.model_copy(
        update={"operation_at_risk_seconds": 1, "publish_timeout_seconds": 0.5}
    )
    async with working_through_proxies(impatient) as worker:
        await platform.send("activate", NUMBERS[0])
        await platform.until(lambda: platform.events)
        broker_proxy.freeze()
        # The event that the operation is late needs no command.
        await until(lambda: not worker.connected)
        assert len(platform.events) == 1
        broker_proxy.thaw()
        # PENDING may be published again: its confirm may have been lost.
        await platform.until(lambda: len(distinct_events(platform.events)) > 1)

    published = distinct_events(platform.events)
    assert published[1]["type"] == "telephony.phone_number.operation_delayed.v1"


@pytest.mark.campaign
async def test_worker_detects_a_frozen_broker_by_heartbeats_and_consumes_again_without_new_traffic(
    database: Database, lossy_settings: Settings, platform: Platform, broker_proxy: Proxy
) -> None:
    await store(database, *SITE)
    async with working_through_proxies(lossy_settings) as worker:
        broker_proxy.freeze()
        commands = [await platform.send("activate", number) for number in NUMBERS]
        await until(lambda: not worker.connected)
        broker_proxy.thaw()
        await assert_activated_once(platform, database, commands)


@pytest.mark.campaign
async def test_worker_connects_to_the_next_node_if_one_does_not_answer(
    database: Database,
    lossy_settings: Settings,
    amqp_url: str,
    platform: Platform,
    broker_proxy: Proxy,
) -> None:
    await store(database, *SITE)
    broker_proxy.freeze()
    two_nodes = lossy_settings.model_copy(update={"amqp_urls": (broker_proxy.url, amqp_url)})
    async with working(database, two_nodes):
        command = await platform.send("activate", NUMBERS[0])
        await until(lambda: platform.events)
        await assert_activated_once(platform, database, [command])


async def test_worker_completes_all_commands_over_a_slow_network_to_the_broker(
    database: Database, lossy_settings: Settings, platform: Platform, broker_proxy: Proxy
) -> None:
    await store(database, *SITE)
    broker_proxy.slow(0.002)
    async with working_through_proxies(lossy_settings):
        commands = [await platform.send("activate", number) for number in NUMBERS]
        await assert_activated_once(platform, database, commands)
