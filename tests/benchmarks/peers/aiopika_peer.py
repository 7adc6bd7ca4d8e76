"""The same worker on plain aio-pika: `aiopika_peer WAY`, by `AMQP_URL`, `DATABASE_URL`.

What it promises in each way, and what not, stands with the package of the peers.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aio_pika
import uvloop
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from sqlalchemy import Row

from contracts.envelope import CONTENT_TYPE
from contracts.messages import Activate
from tests.benchmarks.broker import COMMANDS
from tests.benchmarks.peers import logs
from tests.benchmarks.peers.concurrency import CONCURRENT_COMMANDS
from tests.benchmarks.peers.deciding import engine_for
from tests.benchmarks.peers.outbox import Publish
from tests.benchmarks.peers.relay import Relay
from tests.benchmarks.peers.ways import RELAY, WAYS

Decide = Callable[[Activate], Awaitable[None]]


async def publishing_on(channel: AbstractChannel) -> Publish:
    """How a row of the outbox is said."""
    events = await channel.get_exchange("telephony.events", ensure=False)

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

    return publish


async def handling(connection: AbstractConnection, decide: Decide) -> Callable[[], Awaitable[None]]:
    """Lets every command be decided, and acknowledged after that.

    Returns how to stop: nothing more is taken, and what is at hand is finished.
    """
    at_hand: set[asyncio.Task[object]] = set()

    async def handle(delivery: AbstractIncomingMessage) -> None:
        if task := asyncio.current_task():
            at_hand.add(task)
            task.add_done_callback(at_hand.discard)
        # Not acknowledged unless it is stored.
        async with delivery.process(requeue=True):
            command = Activate.model_validate_json(delivery.body)
            await decide(command)
            logs.carried_out(command)

    channel = await connection.channel(publisher_confirms=False)
    await channel.set_qos(prefetch_count=CONCURRENT_COMMANDS)
    queue = await channel.get_queue(COMMANDS, ensure=True)
    consumer = await queue.consume(handle)

    async def finish() -> None:
        await queue.cancel(consumer)
        while at_hand:
            await asyncio.gather(*at_hand, return_exceptions=True)

    return finish


async def until_stopped(work: Awaitable[object]) -> None:
    """Works until SIGTERM."""
    running = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    await asyncio.gather(running, return_exceptions=True)


async def main(way: str) -> None:
    """Works until SIGTERM."""
    logs.configure()
    engine = engine_for(os.environ["DATABASE_URL"], CONCURRENT_COMMANDS)
    async with await aio_pika.connect_robust(os.environ["AMQP_URL"]) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        publish = await publishing_on(channel)
        if way == RELAY:
            relay = Relay(engine, publish)
            finish = await handling(connection, relay.activate)
            await until_stopped(relay.run())
        else:
            activate = WAYS[way]
            finish = await handling(connection, lambda command: activate(engine, command, publish))
            await until_stopped(asyncio.Event().wait())
        await finish()
    await engine.dispose()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
