"""The peer with aio-pika and SQLAlchemy: `aiopika_peer VARIANT`.

Reads `AMQP_URL` and `DATABASE_URL`. Its package describes what each variant promises.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aio_pika
import uvloop
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.messages import Activate
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from sqlalchemy import Row

from tests.benchmarks.peers import logs
from tests.benchmarks.peers.concurrency import CONCURRENT_COMMANDS
from tests.benchmarks.peers.decide import engine_for
from tests.benchmarks.peers.outbox import Publish
from tests.benchmarks.peers.relay import Relay
from tests.benchmarks.peers.variants import RELAY, VARIANTS
from tests.benchmarks.running.broker import COMMANDS

Decide = Callable[[Activate], Awaitable[None]]


async def publishing_on(channel: AbstractChannel) -> Publish:
    """Returns the function that publishes a row of the outbox."""
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
    """Decides every command and acknowledges it after the commit.

    Returns the function that stops consuming and finishes the commands in progress.
    """
    in_progress: set[asyncio.Task[object]] = set()

    async def handle(delivery: AbstractIncomingMessage) -> None:
        if task := asyncio.current_task():
            in_progress.add(task)
            task.add_done_callback(in_progress.discard)
        # An error requeues the message, so only stored commands are acknowledged.
        async with delivery.process(requeue=True):
            command = Activate.model_validate_json(delivery.body)
            await decide(command)
            logs.log_command(command)

    channel = await connection.channel(publisher_confirms=False)
    await channel.set_qos(prefetch_count=CONCURRENT_COMMANDS)
    queue = await channel.get_queue(COMMANDS, ensure=True)
    consumer = await queue.consume(handle)

    async def finish() -> None:
        await queue.cancel(consumer)
        while in_progress:
            await asyncio.gather(*in_progress, return_exceptions=True)

    return finish


async def until_stopped(work: Awaitable[object]) -> None:
    """Runs until SIGTERM."""
    running = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    await asyncio.gather(running, return_exceptions=True)


async def main(variant: str) -> None:
    """Runs until SIGTERM."""
    logs.configure()
    engine = engine_for(os.environ["DATABASE_URL"], CONCURRENT_COMMANDS)
    async with await aio_pika.connect_robust(os.environ["AMQP_URL"]) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        publish = await publishing_on(channel)
        if variant == RELAY:
            relay = Relay(engine, publish)
            finish = await handling(connection, relay.activate)
            await until_stopped(relay.run())
        else:
            activate = VARIANTS[variant]
            finish = await handling(connection, lambda command: activate(engine, command, publish))
            await until_stopped(asyncio.Event().wait())
        await finish()
    await engine.dispose()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
