"""Queues filled, looked at and read, at a cost that is the same for whoever is measured."""

import asyncio
import time
from collections.abc import Iterable, Iterator

from pamqp import commands as amqp

from tests.benchmarks.wanted import EXCHANGE, Command
from tests.support.amqp_wire import Confirm, Delivery, Wire

COMMANDS = "telephony.phone_number.commands"
EVENTS = "benchmark.events"
OUTPUTS = (EVENTS, "pbx.handset-logout", "pbx.hunt-group-membership", "pbx.extension-reset")
UNCONFIRMED_AT_MOST = 2000
PAUSE_SECONDS = 0.01
SILENCE_SECONDS = 10
CONSUMED_WITHIN_SECONDS = 30
QUORUM = {"x-queue-type": "quorum"}


class Missing(Exception):
    """What should come did not come."""


def declare_events(url: str) -> None:
    """Makes the queue of events, bound to all of them."""
    wire = Wire(url)
    wire.call(
        amqp.Queue.Declare(queue=EVENTS, durable=True, arguments=dict(QUORUM)),
        amqp.Queue.DeclareOk,
    )
    bound = amqp.Queue.Bind(queue=EVENTS, exchange="telephony.events", routing_key="#")
    wire.call(bound, amqp.Queue.BindOk)
    wire.close()


def preload(url: str, commands: Iterable[Command], padding_bytes: int = 0) -> None:
    """Publishes all commands; returns when the broker has confirmed them."""
    wire = Wire(url)
    wire.call(amqp.Confirm.Select(), amqp.Confirm.SelectOk)
    published = settled = 0
    last = time.monotonic()
    for command in commands:
        body = command.body(padding_bytes)
        wire.publish(EXCHANGE, command.routing_key, command.properties(), body)
        published += 1
        while published - settled >= UNCONFIRMED_AT_MOST:
            settled = _settled(wire, settled)
    while settled < published:
        before, settled = settled, _settled(wire, settled)
        last = time.monotonic() if settled > before else last
        if time.monotonic() > last + SILENCE_SECONDS:
            raise Missing(f"{published - settled:,} commands were not confirmed")
    wire.close()


def _settled(wire: Wire, before: int) -> int:
    settled = before
    for item in wire.pump(PAUSE_SECONDS):
        if isinstance(item, Confirm):
            settled = item.tag if item.multiple else settled + 1
    return settled


class Depths:
    """How many messages wait, asked of the broker itself; no consumer takes part in the race."""

    def __init__(self, url: str) -> None:
        self._wire = Wire(url)

    def close(self) -> None:
        """Lets the connection go."""
        self._wire.close()

    def of(self, queue: str) -> int:
        """How many messages are ready in this queue."""
        asked = amqp.Queue.Declare(queue=queue, passive=True)
        return self._wire.call(asked, amqp.Queue.DeclareOk).message_count or 0

    def outputs(self, queues: Iterable[str] = OUTPUTS) -> int:
        """How many messages are ready in these queues together."""
        return sum(map(self.of, queues))


async def until_consumed(url: str, queue: str) -> None:
    """Returns as soon as somebody consumes the queue."""
    wire = Wire(url)
    asked = amqp.Queue.Declare(queue=queue, passive=True)
    async with asyncio.timeout(CONSUMED_WITHIN_SECONDS):
        while not wire.call(asked, amqp.Queue.DeclareOk).consumer_count:
            await asyncio.sleep(PAUSE_SECONDS)
    wire.close()


def everything(url: str, queues: Iterable[str] = OUTPUTS) -> Iterator[Delivery]:
    """Takes what is in the queues, one after the other."""
    for queue in queues:
        wire = Wire(url)
        asked = amqp.Queue.Declare(queue=queue, passive=True)
        awaited = wire.call(asked, amqp.Queue.DeclareOk).message_count or 0
        consume = amqp.Basic.Consume(queue=queue, consumer_tag=queue, no_ack=True)
        wire.call(consume, amqp.Basic.ConsumeOk)
        last = time.monotonic()
        while awaited:
            for item in wire.pump(PAUSE_SECONDS):
                if isinstance(item, Delivery):
                    awaited -= 1
                    last = time.monotonic()
                    yield item
            if time.monotonic() > last + SILENCE_SECONDS:
                raise Missing(f"{awaited:,} messages stayed in {queue}")
        wire.close()
