"""Publishers' priorities: which of them change the order of delivery."""

import asyncio
from collections.abc import Sequence

import aio_pika
from activation_contracts.catalogue import COMMAND_QUEUE

from worker.broker.connecting.connection import connect
from worker.broker.prefetch import Prefetch
from worker.broker.session import open_session
from worker.consuming.consumer import Consumer


async def publish(url: str, priorities: Sequence[int | None]) -> None:
    """Publishes one message of each priority; their ids are their places."""
    async with await connect([url]) as connection, await connection.channel() as channel:
        for place, priority in enumerate(priorities):
            message = aio_pika.Message(b"", priority=priority, message_id=str(place))
            await channel.default_exchange.publish(message, COMMAND_QUEUE)


async def consume(url: str, messages: int) -> tuple[list[str | None], list[str | None]]:
    """The ids of the messages in the order of delivery, and those that count as prioritised."""
    prioritised: list[str | None] = []
    session = open_session(
        [url], publish_timeout_seconds=5, published_alone=set(), prefetch=Prefetch(500)
    )
    async with session as opened, opened.consuming() as channel:
        consumer = Consumer(COMMAND_QUEUE, channel, opened, on_prioritised=prioritised.append)
        await consumer.start()
        async with asyncio.timeout(90):
            while len(consumer.waiting) < messages:
                await asyncio.sleep(0.01)
        return [delivery.properties.message_id for delivery in consumer.waiting], prioritised


async def test_priorities_up_to_four_keep_the_order(amqp_url: str) -> None:
    priorities = [None, 4, 0, 3, 1, 4, None, 2] * 10
    await publish(amqp_url, priorities)

    delivered, prioritised = await consume(amqp_url, len(priorities))

    assert delivered == [str(place) for place in range(len(priorities))]
    assert prioritised == []


async def test_consumer_reports_each_message_with_a_higher_priority(amqp_url: str) -> None:
    await publish(amqp_url, [0, 5, 4, 9, None])

    delivered, prioritised = await consume(amqp_url, 5)

    assert sorted(filter(None, delivered)) == ["0", "1", "2", "3", "4"]
    assert prioritised == ["1", "3"]
