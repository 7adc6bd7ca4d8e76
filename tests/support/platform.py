"""The systems around the worker, simulated over AMQP: the web tier and the PBX systems."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from tests.support.contract.deliveries import OWN

CONTENT_TYPE = "application/cloudevents+json"
DEAD_LETTERS = "telephony.phone_number.commands.dead_letter"
PBX_QUEUES = ("pbx.handset-logout", "pbx.hunt-group-membership", "pbx.extension-reset")
PATIENCE_SECONDS = 90
FULL_BYTES = 1 << 20
ATTRIBUTES = ("time", "expirytime", "traceparent")
NOTICES = ("_delayed.v1", ".aftermath.v1")

Event = dict[str, Any]


class Platform:
    """Publishes commands and PBX results, and collects everything that the worker publishes."""

    def __init__(self, channel: AbstractChannel) -> None:
        self.channel = channel
        self.events: list[Event] = []
        self.pbx_messages: list[Event] = []
        self._collected: dict[str, tuple[AbstractQueue, str]] = {}
        self._changed = asyncio.Condition()

    async def send(self, operation: str, phone_number: str, **changes: Any) -> str:
        """Publishes a command and returns its id.

        `changes` are `id`, `time`, `expirytime`, `traceparent`, AMQP `properties`, whether it is
        sent in `bulk`, and fields of the data, where `account_id` and `site_id` default to acme and
        london.
        """
        identifier = changes.pop("id", None) or str(uuid4())
        properties = changes.pop("properties", {})
        routing = f"{operation}.bulk" if changes.pop("bulk", False) else operation
        attributes = {name: changes.pop(name) for name in ATTRIBUTES if name in changes}
        event = {
            "specversion": "1.0",
            "id": identifier,
            "source": "/tests/web-tier",
            "type": f"telephony.phone_number.{operation}.v1",
            **attributes,
            "data": {
                "phone_number": phone_number,
                "account_id": "acme",
                "site_id": "london",
                **changes,
            },
        }
        await self.send_raw(json.dumps(event).encode(), routing, **properties)
        return identifier

    async def send_raw(self, body: bytes, operation: str = "activate", **properties: Any) -> None:
        """Publishes any bytes as a command."""
        exchange = await self.channel.get_exchange("telephony.commands", ensure=False)
        message = aio_pika.Message(
            body,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            **{"content_type": CONTENT_TYPE, **properties},
        )
        await exchange.publish(message, f"phone_number.{operation}")

    async def state(self, kind: str, version: int, *, deleted: bool = False, **data: Any) -> str:
        """Publishes a directory message and returns its id.

        A phone number belongs to acme at london unless `data` says something else.
        """
        identifier = data.pop("id", None) or str(uuid4())
        if kind == "phone_number" and not deleted:
            data = {"account_id": "acme", "site_id": "london", **data}
        event = {
            "specversion": "1.0",
            "id": identifier,
            "source": "/tests/platform",
            "type": f"telephony.directory.{kind}.v1",
            "data": {**data, "version": version, **({"deleted": True} if deleted else {})},
        }
        exchange = await self.channel.get_exchange("telephony.directory", ensure=False)
        message = aio_pika.Message(
            json.dumps(event).encode(),
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            content_type=CONTENT_TYPE,
        )
        await exchange.publish(message, kind)
        return identifier

    async def answer(
        self, step_id: str, result: str, *, routing_key: str = "pbx.result", **data: str
    ) -> None:
        """Publishes a PBX result under the given `id`, or a random one."""
        identifier = data.pop("id", None) or str(uuid4())
        event = {
            "specversion": "1.0",
            "id": identifier,
            "source": "/tests/pbx",
            "type": "telephony.pbx.result.v1",
            "data": {"operation_id": step_id, "result": result, **data},
        }
        exchange = await self.channel.get_exchange("telephony.pbx.results", ensure=False)
        message = aio_pika.Message(
            json.dumps(event).encode(),
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            content_type=CONTENT_TYPE,
        )
        await exchange.publish(message, routing_key)

    async def until(
        self, condition: Callable[[], object], *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Waits until the condition holds; on a timeout fails with all messages collected."""
        try:
            async with asyncio.timeout(patience_seconds), self._changed:
                await self._changed.wait_for(lambda: bool(condition()))
        except TimeoutError:
            collected = "\n".join(map(json.dumps, (*self.events, *self.pbx_messages)))
            message = f"the condition did not hold in {patience_seconds} s; messages:\n{collected}"
            raise AssertionError(message) from None

    def outcome_so_far(self, command_id: str) -> list[str]:
        """The statuses of a command, or its code; without duplicates, delays and aftermath."""
        seen: dict[str, str] = {}
        for event in self.events:
            data = event["data"]
            if data.get("command_id") == command_id and not event["type"].endswith(NOTICES):
                seen[event["id"]] = data.get("code") or data.get("status", "")
        return [word for word in seen.values() if word]

    async def outcome(
        self, command_id: str, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> list[str]:
        """The same, once the command has a final status or a code."""
        await self.until(
            lambda: self.outcome_so_far(command_id)[-1:] not in ([], ["PENDING"]),
            patience_seconds=patience_seconds,
        )
        return self.outcome_so_far(command_id)

    async def until_received(self) -> None:
        """Waits until everything that the broker has confirmed by now was collected."""
        marker = json.dumps({"id": str(uuid4()), "type": "marker", "data": {}}).encode()
        before = (len(self.events), len(self.pbx_messages))
        exchange = await self.channel.get_exchange("telephony.events", ensure=False)
        await exchange.publish(aio_pika.Message(marker, app_id=OWN), "marker")
        for queue in PBX_QUEUES:
            await self.channel.default_exchange.publish(aio_pika.Message(marker, app_id=OWN), queue)
        received = json.loads(marker)
        await self.until(
            lambda: (
                received in self.events[before[0] :]
                and self.pbx_messages[before[1] :].count(received) == len(PBX_QUEUES)
            )
        )

    async def dead_letter(self) -> AbstractIncomingMessage:
        """The next dead letter, taken from its queue."""
        queue = await self.channel.get_queue(DEAD_LETTERS, ensure=False)
        for _ in range(PATIENCE_SECONDS * 10):
            dead_letter = await queue.get(fail=False)
            if dead_letter is not None:
                await dead_letter.ack()
                return dead_letter
            await asyncio.sleep(0.1)
        message = "no dead letter arrived"
        raise AssertionError(message)

    async def collect(self, queue: AbstractQueue, into: list[Event]) -> None:
        """Appends every message of the queue to the list."""

        async def append(message: AbstractIncomingMessage) -> None:
            # A test may publish what no worker would: such a message is not collected.
            with contextlib.suppress(ValueError):
                into.append(json.loads(message.body))
            async with self._changed:
                self._changed.notify_all()

        self._collected[queue.name] = queue, await queue.consume(append, no_ack=True)

    async def stop_collecting(self, name: str) -> None:
        """Lets messages stay in this queue, as a PBX that has stopped does."""
        queue, consumer = self._collected.pop(name)
        await queue.cancel(consumer)


async def full_subscriber(channel: AbstractChannel) -> AbstractQueue:
    """A queue for all events that is full, and takes them as soon as it is consumed."""
    queue = await channel.declare_queue(
        exclusive=True,
        arguments={"x-max-length-bytes": FULL_BYTES, "x-overflow": "reject-publish"},
    )
    filling = aio_pika.Message(b"x" * FULL_BYTES, app_id=OWN)
    await channel.default_exchange.publish(filling, queue.name)
    await queue.bind("telephony.events", "#")
    return queue


@asynccontextmanager
async def platform_at(url: str, *, is_the_pbx: bool = True) -> AsyncIterator[Platform]:
    """A platform on the broker at this URL; the topology must be declared.

    With `is_the_pbx=False` it leaves the PBX queues to other consumers and gets copies.
    """
    connection = await aio_pika.connect(url, timeout=10)
    async with connection:
        channel = await connection.channel()
        platform = Platform(channel)
        events = await channel.declare_queue(exclusive=True)
        await events.bind("telephony.events", "#")
        await platform.collect(events, platform.events)
        if is_the_pbx:
            queues = [await channel.get_queue(name, ensure=False) for name in PBX_QUEUES]
        else:
            queues = [await channel.declare_queue(exclusive=True)]
            await queues[0].bind("telephony.pbx", "#")
        for queue in queues:
            await platform.collect(queue, platform.pbx_messages)
        yield platform
