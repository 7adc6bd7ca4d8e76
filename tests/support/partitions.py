"""A building with so many accounts that every partition has commands to handle."""

import asyncio
import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import aio_pika
from activation_contracts.catalogue import COMMAND_QUEUE
from aio_pika.exceptions import ChannelNotFoundEntity

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.platform import Event, Platform
from tests.support.workers import rows
from worker.broker.connecting.connection import connect
from worker.broker.partition_queues import (
    source_queue,
)
from worker.broker.publishing.publisher import Publisher
from worker.broker.queue_markers import MARKER, append_marker
from worker.core.partitions import Layout, partition_of
from worker.operator.partitions.repartition import repartition
from worker.settings import Settings
from worker.storage.connecting.engine import Database

ACCOUNTS = tuple(f"account-{place}" for place in range(16))
NUMBERS: Mapping[str, str] = {
    f"+4420794{account:02}{place:02}": ACCOUNTS[account]
    for account in range(len(ACCOUNTS))
    for place in range(5)
}
"""Each number and its account."""
BUILDING = (
    *(voice_service(100, account) for account in ACCOUNTS),
    *(phone_numbers(number, account_id=account) for number, account in NUMBERS.items()),
)
"""The statements that store it."""
ALL = tuple(NUMBERS)
SOME = ALL[::7]
Waiting = Mapping[str, Sequence[str]]
"""The ids of the waiting commands, in order, by number."""


def quiet(_: str) -> None:
    """Ignores progress messages."""


async def change(settings: Settings, partitions: int, *, wait_seconds: float = 30) -> None:
    """Changes the number of partitions, as `activation-worker partitions N` does."""
    await repartition(settings, partitions, wait_seconds=wait_seconds, report=quiet)


async def send_commands(platform: Platform, operation: str, numbers: Sequence[str]) -> list[str]:
    """Publishes a command for each number; returns their ids."""
    return [
        await platform.send(operation, number, account_id=NUMBERS[number]) for number in numbers
    ]


def is_in_sequence(events: Iterable[Event]) -> bool:
    """Whether the events of each number have consecutive sequences; ignores duplicates."""
    seen: set[str] = set()
    last: Counter[str] = Counter()
    for event in events:
        data = event["data"]
        if event["id"] in seen or "sequence" not in data:
            continue
        seen.add(event["id"])
        if data["sequence"] != last[data["phone_number"]] + 1:
            return False
        last[data["phone_number"]] += 1
    return True


def routed(partitions: int) -> Layout:
    return Layout(partitions, routed=True)


def key_of(number: str) -> str:
    return f"{NUMBERS[number]}/london"


def command_of(number: str, identifier: str, operation: str = "activate") -> aio_pika.Message:
    event = {
        "specversion": "1.0",
        "id": identifier,
        "source": "/tests",
        "type": f"telephony.phone_number.{operation}.v1",
        "data": {
            "phone_number": number,
            "account_id": NUMBERS[number],
            "site_id": "london",
        },
    }
    return aio_pika.Message(
        json.dumps(event).encode(),
        message_id=identifier,
        content_type="application/cloudevents+json",
        headers={"x-original-exchange": "telephony.commands", "x-original-routing-key": "any"},
    )


async def put(platform: Platform, layout: Layout, commands: Iterable[aio_pika.Message]) -> None:
    """Puts commands into the queues of their partitions, as the router does."""
    for message in commands:
        number = json.loads(message.body)["data"]["phone_number"]
        partition = partition_of(key_of(number), layout.partitions)
        queue = source_queue(COMMAND_QUEUE, partition, layout)
        await platform.channel.default_exchange.publish(message, queue)


async def taken_by_number(settings: Settings, names: Sequence[str]) -> Waiting:
    """Takes all commands from these queues; their ids in order, without repeats."""
    waiting: dict[str, list[str]] = defaultdict(list)
    for name in names:
        for message in await taken(settings, name):
            assert MARKER not in message.headers, "a marker is left"
            number = json.loads(message.body)["data"]["phone_number"]
            if message.message_id not in waiting[number]:
                waiting[number].append(str(message.message_id))
    return waiting


async def taken(settings: Settings, name: str) -> Sequence[aio_pika.abc.AbstractIncomingMessage]:
    """Takes all messages from the queue."""
    messages: list[aio_pika.abc.AbstractIncomingMessage] = []
    async with await connect(settings.amqp_urls) as connection:
        publisher = Publisher(connection, 10, published_alone=set())
        marker = await append_marker(publisher, name)
        channel = await connection.channel()
        queue = await channel.get_queue(name, ensure=False)
        async with asyncio.timeout(10), queue.iterator() as arriving:
            async for message in arriving:
                await message.ack()
                if message.message_id == marker:
                    break
                messages.append(message)
    return messages


async def existing(settings: Settings, names: Iterable[str]) -> set[str]:
    """The names of the queues that exist."""
    found = set()
    async with await connect(settings.amqp_urls) as connection:
        for name in names:
            with contextlib.suppress(ChannelNotFoundEntity):
                async with await connection.channel() as channel:
                    await channel.declare_queue(name, passive=True)
                found.add(name)
    return found


async def layout_of(database: Database) -> tuple[object, ...]:
    (row,) = await rows(database, "SELECT partitions, routed, target FROM partitioning")
    return row
