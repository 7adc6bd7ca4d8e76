"""The worker that one would write with FastStream and SQLAlchemy: by `AMQP_URL`, `DATABASE_URL`.

As its experts would tune it: no log line for each message, a channel of its own for what is
published, uvloop, confirmed and persistent publishing, and acknowledgement after the commit. The
framework handles as many messages side by side as are prefetched.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvloop
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
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.envelope import CONTENT_TYPE
from contracts.messages import Activate
from tests.benchmarks.broker import COMMANDS
from tests.benchmarks.peers.concurrency import CONCURRENT_COMMANDS
from tests.benchmarks.peers.deciding import activate, engine_for
from tests.benchmarks.peers.relay import Relay

QUEUE = RabbitQueue(COMMANDS, queue_type=QueueType.QUORUM, durable=True, declare=False)
EVENTS = RabbitExchange("telephony.events", type=ExchangeType.TOPIC, durable=True, declare=False)


def application(amqp_url: str, engine: AsyncEngine) -> FastStream:
    """The broker, the handler and the relay, put together."""
    broker = RabbitBroker(
        amqp_url,
        logger=None,
        default_channel=Channel(prefetch_count=CONCURRENT_COMMANDS, on_return_raises=True),
    )
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

    relay = Relay(engine, publish)

    @broker.subscriber(QUEUE, ack_policy=AckPolicy.NACK_ON_ERROR, decoder=_decoded, no_reply=True)
    async def handle(command: Activate) -> None:
        await activate(engine, command)
        relay.wake()

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = FastStream(broker, logger=None, lifespan=lifespan)
    running: list[asyncio.Task[None]] = []

    @app.after_startup
    async def start_relay() -> None:
        running.append(asyncio.create_task(relay.run()))

    @app.on_shutdown
    async def stop_relay() -> None:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    return app


async def _decoded(message: RabbitMessage) -> object:
    # The framework decodes application/json by itself, and not what CloudEvents calls it.
    decoded: object = from_json(message.body)
    return decoded


async def main() -> None:
    """Works until SIGTERM."""
    engine = engine_for(os.environ["DATABASE_URL"], CONCURRENT_COMMANDS)
    await application(os.environ["AMQP_URL"], engine).run()


if __name__ == "__main__":
    uvloop.run(main())
