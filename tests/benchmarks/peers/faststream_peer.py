"""The peer with FastStream and SQLAlchemy: `faststream_peer VARIANT`.

Reads `AMQP_URL` and `DATABASE_URL`. Its package describes what each variant promises.

It is tuned as an expert would: one log line for each command instead of the framework's two,
uvloop, confirmed and persistent publishing, and acknowledgement after the commit. The framework
handles all prefetched messages concurrently.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.messages import Activate
from faststream import AckPolicy, FastStream
from faststream.rabbit import (
    Channel,
    ExchangeType,
    RabbitBroker,
    RabbitExchange,
    RabbitMessage,
    RabbitQueue,
)
from faststream.rabbit.schemas.queue import QueueType
from pydantic_core import from_json
from sqlalchemy import Row

from tests.benchmarks.peers import logs
from tests.benchmarks.peers.concurrency import CONCURRENT_COMMANDS
from tests.benchmarks.peers.decide import engine_for
from tests.benchmarks.peers.outbox import Publish
from tests.benchmarks.peers.relay import Relay
from tests.benchmarks.peers.variants import RELAY, VARIANTS
from tests.benchmarks.running.broker import COMMANDS

QUEUE = RabbitQueue(COMMANDS, queue_type=QueueType.QUORUM, durable=True, declare=False)
EVENTS = RabbitExchange("telephony.events", type=ExchangeType.TOPIC, durable=True, declare=False)


def broker_at(url: str) -> RabbitBroker:
    """A broker that handles `CONCURRENT_COMMANDS` messages concurrently."""
    channel = Channel(prefetch_count=CONCURRENT_COMMANDS, on_return_raises=True)
    return RabbitBroker(url, logger=None, default_channel=channel)


def publishing_on(broker: RabbitBroker) -> Publish:
    """Returns the function that publishes a row of the outbox."""
    publisher = broker.publisher(exchange=EVENTS, persist=True, mandatory=True)

    async def publish(row: Row[Any]) -> None:
        await publisher.publish(
            row.body,
            routing_key=row.routing_key,
            content_type=CONTENT_TYPE,
            message_id=row.message_id,
            message_type=row.message_type,
            correlation_id=row.correlation_id,
        )

    return publish


def handling(broker: RabbitBroker, decide: Callable[[Activate], Awaitable[None]]) -> None:
    """Decides every command and acknowledges it after the commit."""

    @broker.subscriber(QUEUE, ack_policy=AckPolicy.NACK_ON_ERROR, decoder=_decoded, no_reply=True)
    async def handle(command: Activate) -> None:
        await decide(command)
        logs.log_command(command)


async def with_relay(broker: RabbitBroker, relay: Relay) -> None:
    """Runs the handlers, and the relay that publishes what they store."""
    handling(broker, relay.activate)
    app = FastStream(broker, logger=None)
    running: list[asyncio.Task[None]] = []

    @app.after_startup
    async def start_relay() -> None:
        running.append(asyncio.create_task(relay.run()))

    await app.run()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def _decoded(message: RabbitMessage) -> object:
    # The framework decodes application/json by itself, but not application/cloudevents+json.
    decoded: object = from_json(message.body)
    return decoded


async def main(variant: str) -> None:
    """Runs until SIGTERM."""
    logs.configure()
    engine = engine_for(os.environ["DATABASE_URL"], CONCURRENT_COMMANDS)
    broker = broker_at(os.environ["AMQP_URL"])
    publish = publishing_on(broker)
    if variant == RELAY:
        await with_relay(broker, Relay(engine, publish))
    else:
        activate = VARIANTS[variant]
        handling(broker, lambda command: activate(engine, command, publish))
        await FastStream(broker, logger=None).run()
    await engine.dispose()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
