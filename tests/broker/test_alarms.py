"""An alarm of the broker blocks publishers: the worker waits, and shows it in its metrics."""

import asyncio

import pytest
from activation_contracts.catalogue import COMMAND_QUEUE
from aiormq import spec

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.platform import Platform
from tests.support.servers.running import alarm
from tests.support.workers import rows, store, until_leading, working
from worker.app.run import supervisor
from worker.broker.connecting.connection import connect
from worker.broker.publishing.alarms import is_blocked
from worker.broker.publishing.confirm_channel import ConfirmChannel
from worker.broker.publishing.publication import Publication
from worker.local import PrivateServers
from worker.operator.preparing.preflight import check_all
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

NUMBERS = tuple(f"+44207946{index:04}" for index in range(1, 501))
SITE = (voice_service(500), phone_numbers(*NUMBERS))
IMPATIENT = {
    "publish_timeout_seconds": 0.5,
    "outbox_age_maximum_seconds": 0.5,
    "batch_maximum_commands": 1,
    "declare_topology": False,
}
PAUSED = ("activation_worker_broker_blocked 1.0", "activation_worker_paused_consumers 1.0")
CONSUMING = ("activation_worker_broker_blocked 0.0", "activation_worker_paused_consumers 0.0")
OUTBOX = "SELECT count(*) FROM outbox"


async def until_shown(metrics: Metrics, *lines: str) -> None:
    async with asyncio.timeout(90):
        while not {*lines} <= {*(await metrics.render()).decode().splitlines()}:
            await asyncio.sleep(0.05)


async def test_an_alarm_stops_publishing_then_consuming_and_no_event_is_published_twice(
    servers: PrivateServers, database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    # Sent before the alarm, which blocks the web tier as well.
    commands = [await platform.send("activate", number) for number in NUMBERS]
    metrics = Metrics()
    worker = supervisor(database, settings.model_copy(update=IMPATIENT), Reporter(metrics))
    async with alarm(servers):
        working = asyncio.create_task(worker.run())
        await until_shown(metrics, *PAUSED)
        decided = await rows(database, "SELECT count(*) FROM commands")
        # Longer than the timeout of a confirm.
        await asyncio.sleep(1)
        assert await rows(database, "SELECT count(*) FROM commands") == decided
        assert worker.leads
    outcomes = [await platform.outcome(command) for command in commands]
    await until_shown(metrics, *CONSUMING)
    assert metrics.registry.get_sample_value("activation_worker_broker_blocked_seconds_total")
    worker.stop()
    await working

    assert decided not in ([(0,)], [(len(NUMBERS),)])
    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    assert len(platform.events) == 2 * len(NUMBERS)


async def test_a_worker_without_work_sees_an_alarm_and_so_does_check(
    servers: PrivateServers, database: Database, settings: Settings
) -> None:
    metrics = Metrics()
    async with working(database, settings, metrics=metrics) as worker:
        await until_leading(worker)
        async with alarm(servers):
            await until_shown(metrics, "activation_worker_broker_blocked 1.0")
            findings = await check_all(settings)
        await until_shown(metrics, "activation_worker_broker_blocked 0.0")

    (finding,) = (item for item in findings if item.subject == "broker")
    assert "short of memory or disk" in str(finding.error)


@pytest.mark.campaign
async def test_an_alarm_stops_the_replay_of_a_directory_before_the_outbox_holds_all_of_it(
    servers: PrivateServers, database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, phone_numbers(*NUMBERS, status="AVAILABLE", account_id=None))
    for number in NUMBERS:
        await platform.state("phone_number", 1, phone_number=number)
    metrics = Metrics()
    worker = supervisor(database, settings.model_copy(update=IMPATIENT), Reporter(metrics))
    async with alarm(servers):
        working = asyncio.create_task(worker.run())
        await until_shown(metrics, *PAUSED)
        waiting = await rows(database, OUTBOX)
        await asyncio.sleep(1)
        assert await rows(database, OUTBOX) == waiting
    await platform.until(lambda: len(platform.events) == len(NUMBERS))
    await until_shown(metrics, *CONSUMING)
    worker.stop()
    await working

    assert waiting not in ([(0,)], [(len(NUMBERS),)])
    assert {event["data"]["status"] for event in platform.events} == {"RESERVED"}


@pytest.mark.campaign
async def test_a_channel_that_is_needed_during_an_alarm_is_opened_after_it(
    servers: PrivateServers, amqp_url: str
) -> None:
    async with await connect([amqp_url]) as connection:
        earlier, later = (ConfirmChannel(connection, 0.5) for _ in range(2))
        async with alarm(servers):
            publishing = [asyncio.create_task(earlier.publish([message("earlier")]))]
            async with asyncio.timeout(90):
                while not is_blocked(connection):
                    await asyncio.sleep(0.05)
            publishing.append(asyncio.create_task(later.publish([message("later")])))
            # The broker may have read the first message before it stopped reading.
            await asyncio.wait([publishing[1]], timeout=1)
            assert not publishing[1].done()
        async with asyncio.timeout(90):
            assert await asyncio.gather(*publishing) == [[None], [None]]


def message(identifier: str) -> Publication:
    return Publication("", COMMAND_QUEUE, spec.Basic.Properties(message_id=identifier), b"")
