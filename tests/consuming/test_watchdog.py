"""Connected, and yet nothing comes: noticed, and begun again from scratch."""

import asyncio

from aio_pika.abc import AbstractIncomingMessage

from tests.support.platform import Platform
from tests.support.workers import store, until_leading, working
from worker.settings import Settings
from worker.storage.engine import Database

SITE = (
    """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 20)""",
    """INSERT INTO phone_numbers (phone_number, site_id, account_id, status)
    VALUES ('+442079460001', 'london', 'acme', 'RESERVED')""",
)


async def test_a_consumer_that_gets_nothing_although_messages_wait_begins_again(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    # Somebody else is the queue's single active consumer, takes one message, and goes to sleep.
    taken: list[AbstractIncomingMessage] = []
    await platform.channel.set_qos(1)
    queue = await platform.channel.get_queue("telephony.phone_number.commands", ensure=False)

    async def take(message: AbstractIncomingMessage) -> None:
        taken.append(message)

    sleeper = await queue.consume(take)
    await platform.send("activate", "+442079469999")
    async with asyncio.timeout(10):
        while not taken:
            await asyncio.sleep(0.02)
    impatient = settings.model_copy(update={"watchdog_seconds": 0.3})
    async with working(database, impatient) as worker:
        await until_leading(worker)
        command = await platform.send("activate", "+442079460001")
        async with asyncio.timeout(30):
            while worker.linked:
                await asyncio.sleep(0.005)
        await queue.cancel(sleeper)
        await taken[0].nack(requeue=True)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
