"""Fills, inspects and reads queues, without code of the worker."""

import asyncio
import time
from collections.abc import Iterable, Iterator

from pamqp import commands as amqp

from tests.benchmarks.data.workload import EXCHANGE, Command
from tests.support.faults.amqp_wire import Confirm, Delivery, Wire

COMMANDS = "telephony.phone_number.commands"
EVENTS = "benchmark.events"
OUTPUTS = (EVENTS, "pbx.handset-logout", "pbx.hunt-group-membership", "pbx.extension-reset")
UNCONFIRMED_AT_MOST = 2000
PAUSE_SECONDS = 0.01
SILENCE_SECONDS = 10
CONSUMER_WITHIN_SECONDS = 60
QUORUM = {"x-queue-type": "quorum"}


class MessagesMissing(Exception):
    """Expected messages or confirms did not arrive in time."""


def declare_events(url: str) -> None:
    """Declares a queue and binds it to all events."""
    wire = Wire(url)
    wire.call(
        amqp.Queue.Declare(queue=EVENTS, durable=True, arguments=dict(QUORUM)),
        amqp.Queue.DeclareOk,
    )
    bound = amqp.Queue.Bind(queue=EVENTS, exchange="telephony.events", routing_key="#")
    wire.call(bound, amqp.Queue.BindOk)
    wire.close()


def preload(
    url: str, commands: Iterable[Command], padding_bytes: int = 0, *, bulk: bool = False
) -> None:
    """Publishes all commands; returns when the broker has confirmed them."""
    wire = Wire(url)
    wire.call(amqp.Confirm.Select(), amqp.Confirm.SelectOk)
    published = confirmed = 0
    last = time.monotonic()
    for command in commands:
        body = command.body(padding_bytes)
        routing_key = f"{command.routing_key}.bulk" if bulk else command.routing_key
        wire.publish(EXCHANGE, routing_key, command.properties(), body)
        published += 1
        while published - confirmed >= UNCONFIRMED_AT_MOST:
            confirmed = _confirmed(wire, confirmed)
    while confirmed < published:
        before, confirmed = confirmed, _confirmed(wire, confirmed)
        last = time.monotonic() if confirmed > before else last
        if time.monotonic() > last + SILENCE_SECONDS:
            raise MessagesMissing(f"{published - confirmed:,} commands were not confirmed")
    wire.close()


def _confirmed(wire: Wire, before: int) -> int:
    confirmed = before
    for item in wire.pump(PAUSE_SECONDS):
        if isinstance(item, Confirm):
            confirmed = item.tag if item.multiple else confirmed + 1
    return confirmed


class QueueDepths:
    """Asks the broker for queue depths: a consumer would take part in what is measured."""

    def __init__(self, url: str) -> None:
        self._wire = Wire(url)

    def close(self) -> None:
        """Closes the connection."""
        self._wire.close()

    def of(self, queue: str) -> int:
        """The number of ready messages in this queue."""
        request = amqp.Queue.Declare(queue=queue, passive=True)
        return self._wire.call(request, amqp.Queue.DeclareOk).message_count or 0

    def outputs(self, queues: Iterable[str] = OUTPUTS) -> int:
        """The number of ready messages in these queues together."""
        return sum(map(self.of, queues))


async def wait_for_consumer(url: str, queue: str) -> None:
    """Returns as soon as the queue has a consumer."""
    wire = Wire(url)
    request = amqp.Queue.Declare(queue=queue, passive=True)
    async with asyncio.timeout(CONSUMER_WITHIN_SECONDS):
        while not wire.call(request, amqp.Queue.DeclareOk).consumer_count:
            await asyncio.sleep(PAUSE_SECONDS)
    wire.close()


def consume_all(url: str, queues: Iterable[str] = OUTPUTS) -> Iterator[Delivery]:
    """Consumes everything in the queues, one queue after the other."""
    for queue in queues:
        wire = Wire(url)
        request = amqp.Queue.Declare(queue=queue, passive=True)
        remaining = wire.call(request, amqp.Queue.DeclareOk).message_count or 0
        consume = amqp.Basic.Consume(queue=queue, consumer_tag=queue, no_ack=True)
        wire.call(consume, amqp.Basic.ConsumeOk)
        last = time.monotonic()
        while remaining:
            for item in wire.pump(PAUSE_SECONDS):
                if isinstance(item, Delivery):
                    remaining -= 1
                    last = time.monotonic()
                    yield item
            if time.monotonic() > last + SILENCE_SECONDS:
                raise MessagesMissing(f"{remaining:,} messages stayed in {queue}")
        wire.close()
