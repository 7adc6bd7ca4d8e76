"""The event log on the virtual host of a test, and what it holds."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import aio_pika
import pytest
from activation_contracts.examples import EXAMPLES
from activation_contracts.topology import EVENT_LOG, EVENT_LOG_DAYS
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from tests.support.contract.deliveries import OWN
from worker.broker.connecting.connection import connect
from worker.broker.topology import declare_event_log
from worker.settings import Settings

if TYPE_CHECKING:
    from pamqp.common import FieldValue

PATIENCE_SECONDS = 90


@pytest.fixture
async def logged(amqp_url: str, settings: Settings) -> Settings:
    """Settings of a worker with an event log, which exists."""
    async with await connect([amqp_url]) as connection:
        assert await declare_event_log(connection, EVENT_LOG_DAYS) is None
    return settings.model_copy(update={"event_log_days": EVENT_LOG_DAYS})


@asynccontextmanager
async def reading(
    amqp_url: str, start: str | int | datetime = "first"
) -> AsyncIterator[asyncio.Queue[AbstractIncomingMessage]]:
    """Reads the event log from this place on."""
    received: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()

    async def receive(delivery: AbstractIncomingMessage) -> None:
        await delivery.ack()
        await received.put(delivery)

    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=100)
        log = await channel.get_queue(EVENT_LOG, ensure=False)
        await log.consume(receive, arguments={"x-stream-offset": start})
        yield received


async def logged_events(
    amqp_url: str, count: int, start: str | int | datetime = "first"
) -> Sequence[dict[str, Any]]:
    """So many events of the log, from this place on."""
    async with reading(amqp_url, start) as received, asyncio.timeout(PATIENCE_SECONDS):
        return [json.loads((await received.get()).body) for _ in range(count)]


async def first_offset(amqp_url: str) -> int:
    """The offset of the oldest event that the log has."""
    async with reading(amqp_url) as received, asyncio.timeout(PATIENCE_SECONDS):
        return int(str((await received.get()).headers["x-stream-offset"]))


async def publish(channel: AbstractChannel, *bodies: bytes) -> None:
    """Publishes these as events; returns when the broker has confirmed them."""
    events = await channel.get_exchange("telephony.events", ensure=False)
    for body in bodies:
        await events.publish(aio_pika.Message(body, app_id=OWN), "any.key")


async def declare_short_log(channel: AbstractChannel) -> None:
    """An event log that keeps events for a second, in small segments."""
    arguments: dict[str, FieldValue] = {
        "x-queue-type": "stream",
        "x-max-age": "1s",
        "x-stream-max-segment-size-bytes": 20_000,
    }
    log = await channel.declare_queue(EVENT_LOG, durable=True, arguments=arguments)
    await log.bind("telephony.events", "#")


async def fill_segments(channel: AbstractChannel) -> None:
    """Publishes some segments of it, of which all but the last are too old at the end."""
    event = EXAMPLES["telephony.phone_number.status_changed.v1"]
    await publish(channel, *[event.encode()] * 40)
    await asyncio.sleep(1.2)
