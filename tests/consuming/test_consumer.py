"""What is given back goes back in its order, whatever is on its way at that moment."""

import asyncio
import random
from itertools import count, pairwise

import aio_pika

from contracts.catalogue import COMMAND_QUEUE
from worker.broker.connection import connect
from worker.broker.prefetch import Prefetch
from worker.broker.session import open_session
from worker.consuming.consumer import Consumer

LIVES = 30


async def publish(url: str) -> None:
    """Messages that are numbered, as fast as they can be written."""
    async with (
        await connect([url]) as connection,
        await connection.channel(publisher_confirms=False) as channel,
    ):
        for number in count():
            message = aio_pika.Message(str(number).encode())
            await channel.default_exchange.publish(message, COMMAND_QUEUE)
            await asyncio.sleep(0)


async def one_life(url: str, messages: int) -> list[int]:
    """The numbers of the messages that it handles, in that order."""
    handled: list[int] = []
    link = open_session(
        [url], publish_timeout_seconds=5, published_alone=set(), prefetch=Prefetch(500)
    )
    async with link as opened, opened.consuming() as channel:
        consumer = Consumer(COMMAND_QUEUE, channel, opened)

        async def consume() -> None:
            await consumer.start()
            while await consumer.wait():
                (delivery,) = consumer.take(1)
                handled.append(int(delivery.body))
                await consumer.ack([delivery])
                await asyncio.sleep(0)

        consuming = asyncio.create_task(consume())
        async with asyncio.timeout(30):
            while len(handled) < messages:
                await asyncio.sleep(0)
        consumer.close()
        await consuming
    return handled


async def test_what_is_given_back_again_and_again_stays_in_its_order(amqp_url: str) -> None:
    publishing = asyncio.create_task(publish(amqp_url))
    dice = random.Random(7)
    lives = [await one_life(amqp_url, dice.randint(1, 100)) for _ in range(LIVES)]
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)

    assert all(lives)
    for handled in lives:
        assert handled == list(range(handled[0], handled[-1] + 1))
    # Of the last acknowledgements a broker under load forgets some with the channel, and gives once
    # more what they were for. It never gives something before what came earlier.
    assert all(later[0] <= earlier[-1] + 1 for earlier, later in pairwise(lives))
