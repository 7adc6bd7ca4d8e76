"""The same worker on plain aio-pika: by `AMQP_URL`, `DATABASE_URL`."""

import asyncio
import os
import signal
from typing import Any

import aio_pika
import uvloop
from aio_pika.abc import AbstractIncomingMessage
from sqlalchemy import Row

from contracts.envelope import CONTENT_TYPE
from contracts.messages import Activate
from tests.benchmarks.broker import COMMANDS
from tests.benchmarks.peers.concurrency import CONCURRENT_COMMANDS
from tests.benchmarks.peers.deciding import activate, engine_for
from tests.benchmarks.peers.relay import Relay


async def main() -> None:
    """Works until SIGTERM."""
    engine = engine_for(os.environ["DATABASE_URL"], CONCURRENT_COMMANDS)
    async with await aio_pika.connect_robust(os.environ["AMQP_URL"]) as connection:
        publishing = await connection.channel(publisher_confirms=True, on_return_raises=True)
        events = await publishing.get_exchange("telephony.events", ensure=False)

        async def publish(row: Row[Any]) -> None:
            message = aio_pika.Message(
                row.body,
                content_type=CONTENT_TYPE,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                message_id=row.message_id,
                type=row.message_type,
                correlation_id=row.correlation_id,
            )
            await events.publish(message, row.routing_key, mandatory=True)

        relay = Relay(engine, publish)

        async def handle(delivery: AbstractIncomingMessage) -> None:
            # Not acknowledged unless it is stored.
            async with delivery.process(requeue=True):
                await activate(engine, Activate.model_validate_json(delivery.body))
            relay.wake()

        consuming = await connection.channel(publisher_confirms=False)
        await consuming.set_qos(prefetch_count=CONCURRENT_COMMANDS)
        queue = await consuming.get_queue(COMMANDS, ensure=True)
        await queue.consume(handle)
        running = asyncio.create_task(relay.run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        await asyncio.gather(running, return_exceptions=True)
    await engine.dispose()


if __name__ == "__main__":
    uvloop.run(main())
