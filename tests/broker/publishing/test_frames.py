"""Brokers that limit frames and channels otherwise than by default."""

import asyncio

import pytest

from tests.support.data.inserts import call_settings, handset_login, phone_numbers, voice_service
from tests.support.platform import Platform, platform_at
from tests.support.quick import parametrize_quick
from tests.support.servers.running import broker_setting
from tests.support.workers import rows, store, until_leading, working
from worker.app.run import supervisor
from worker.local import PrivateServers
from worker.runtime.mistakes import Mistake
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

NUMBER, MAIN_NUMBER = "+442079460001", "+442079460000"
SITE = (
    voice_service(3),
    phone_numbers(MAIN_NUMBER, status="ACTIVE", main_number=True),
    call_settings(MAIN_NUMBER),
    phone_numbers(NUMBER, extension="1"),
    handset_login(NUMBER),
)


@parametrize_quick("frame_max", [8192, 0], quick=1)
async def test_worker_publishes_all_messages_whatever_the_limit_of_frames(
    servers: PrivateServers, database: Database, settings: Settings, amqp_url: str, frame_max: int
) -> None:
    await store(database, *SITE)
    async with (
        broker_setting(servers, "frame_max", frame_max),
        platform_at(amqp_url) as platform,
        working(database, settings) as worker,
    ):
        await until_leading(worker)
        await activate_and_deactivate(platform)
        reply = await platform.channel.declare_queue(exclusive=True)
        await platform.send("activate", "+442079469999", properties={"reply_to": reply.name})
        async with asyncio.timeout(90):
            while await reply.get(fail=False) is None:
                await asyncio.sleep(0.1)
        await platform.send_raw(b"n" * 100_000, headers={"long": "x" * 3000})
        letter = await platform.dead_letter()

    assert letter.body == b"n" * 100_000
    assert await rows(database, "SELECT 1 FROM outbox") == []


async def activate_and_deactivate(platform: Platform) -> None:
    activation = await platform.send("activate", NUMBER)
    assert await platform.outcome(activation) == ["PENDING", "ACTIVE"]
    deactivation = await platform.send("deactivate", NUMBER)
    assert await platform.outcome(deactivation) == ["PENDING", "RESERVED"]
    await platform.until(lambda: len(platform.pbx_messages) == 4)


async def test_dead_letter_with_headers_larger_than_a_frame_keeps_its_body_and_reason(
    servers: PrivateServers, database: Database, settings: Settings, platform: Platform
) -> None:
    passive = settings.model_copy(update={"declare_topology": False})
    async with working(database, passive) as first:
        await until_leading(first)
        await platform.channel.queue_delete("telephony.phone_number.commands.dead_letter")
        await platform.send_raw(b"no json", headers={"long": "x" * 20_000})
        async with asyncio.timeout(90):
            while not await rows(database, "SELECT 1 FROM dead_letters WHERE attempts > 0"):
                await asyncio.sleep(0.1)
    async with broker_setting(servers, "frame_max", 8192), working(database, settings) as second:
        await until_leading(second)
        letter = await platform.dead_letter()

    assert (letter.body, letter.headers["x-error-code"]) == (b"no json", "NOT_JSON")
    assert "long" not in letter.headers


async def test_run_ends_at_a_broker_that_allows_too_few_channels(
    servers: PrivateServers, database: Database, settings: Settings
) -> None:
    async with broker_setting(servers, "channel_max", 5):
        with pytest.raises(Mistake, match="allows 5 channels on a connection"):
            await supervisor(database, settings, Reporter(Metrics())).run()
