"""A consumer returns its deliveries in order, whatever is in flight at that moment."""

import asyncio
import random
from itertools import count, pairwise

import aio_pika
from activation_contracts.catalogue import COMMAND_QUEUE

from worker.broker.connecting.connection import connect
from worker.broker.prefetch import Prefetch
from worker.broker.session import open_session
from worker.consuming.consumer import Consumer

SESSIONS = 12


async def publish(url: str) -> None:
    """Publishes numbered messages as fast as they can be written."""
    async with (
        await connect([url]) as connection,
        await connection.channel(publisher_confirms=False) as channel,
    ):
        for number in count():
            message = aio_pika.Message(str(number).encode())
            await channel.default_exchange.publish(message, COMMAND_QUEUE)
            await asyncio.sleep(0)


async def one_session(url: str, messages: int) -> list[int]:
    """Consumes for one session; returns the numbers of the handled messages, in order."""
    handled: list[int] = []
    session = open_session(
        [url], publish_timeout_seconds=5, published_alone=set(), prefetch=Prefetch(500)
    )
    async with session as opened, opened.consuming() as channel:
        consumer = Consumer(COMMAND_QUEUE, channel, opened)

        async def consume() -> None:
            await consumer.start()
            while await consumer.wait():
                (delivery,) = consumer.take(1)
                handled.append(int(delivery.body))
                await consumer.ack([delivery])
                await asyncio.sleep(0)

        consuming = asyncio.create_task(consume())
        async with asyncio.timeout(90):
            while len(handled) < messages:
                await asyncio.sleep(0)
        consumer.close()
        await consuming
    return handled


async def test_consumer_returns_its_deliveries_in_order_each_time_it_closes(amqp_url: str) -> None:
    publishing = asyncio.create_task(publish(amqp_url))
    randomness = random.Random(7)
    sessions = [await one_session(amqp_url, randomness.randint(1, 100)) for _ in range(SESSIONS)]
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)

    assert all(sessions)
    for handled in sessions:
        assert handled == list(range(handled[0], handled[-1] + 1))
    # A broker under load may lose the last acknowledgements with the channel, and redelivers their
    # messages. It never delivers a message before an earlier one.
    assert all(later[0] <= earlier[-1] + 1 for earlier, later in pairwise(sessions))
