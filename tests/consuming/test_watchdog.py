"""The watchdog reconnects a worker to which the broker delivers nothing."""

import asyncio

import pytest
from aio_pika.abc import AbstractIncomingMessage

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.faults.lossy import until, working_through_proxies
from tests.support.faults.proxy import Proxy
from tests.support.platform import Platform
from tests.support.workers import store, until_leading, working
from worker.broker.connecting import answers
from worker.settings import Settings
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"


async def test_watchdog_restarts_a_consumer_that_receives_none_of_the_waiting_messages(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(20), phone_numbers(NUMBER))
    # Another consumer is the single active one of the queue: it holds one message.
    held: list[AbstractIncomingMessage] = []
    await platform.channel.set_qos(1)
    queue = await platform.channel.get_queue("telephony.phone_number.commands", ensure=False)

    async def take(message: AbstractIncomingMessage) -> None:
        held.append(message)

    other_consumer = await queue.consume(take)
    await platform.send("activate", "+442079469999")
    async with asyncio.timeout(10):
        while not held:
            await asyncio.sleep(0.02)
    impatient = settings.model_copy(update={"watchdog_seconds": 0.3})
    async with working(database, impatient) as worker:
        await until_leading(worker)
        command = await platform.send("activate", NUMBER)
        async with asyncio.timeout(90):
            while worker.connected:
                await asyncio.sleep(0.005)
        await queue.cancel(other_consumer)
        await held[0].nack(requeue=True)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_watchdog_leaves_a_mute_broker_before_the_heartbeats_notice(
    lossy_settings: Settings, broker_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "ANSWER_TIMEOUT_SECONDS", 0.5)
    rare_heartbeats = (f"{broker_proxy.url}?heartbeat=300",)
    impatient = {"watchdog_seconds": 0.3, "amqp_urls": rare_heartbeats}
    async with working_through_proxies(lossy_settings.model_copy(update=impatient)) as worker:
        broker_proxy.freeze()
        await until(lambda: not worker.connected)
        broker_proxy.thaw()
        await until(lambda: worker.leads)
