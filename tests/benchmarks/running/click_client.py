"""Clicks: a command every 0.3 s until it is told to stop, each timed until its PENDING.

Reads `AMQP_URL`. A first line on standard input starts it. For a second one it stops, waits for the
last answer, and writes the milliseconds that each click took.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from itertools import count

import aio_pika
from activation_contracts.envelope import CONTENT_TYPE
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

from tests.benchmarks.data.workload import EXCHANGE, Command
from tests.benchmarks.running.burst_client import CLICK_IDS, activations

PAUSE_SECONDS = 0.3
CLICKS_MAXIMUM = 2_000
ANSWER_SECONDS = 120
MILLISECONDS = 1000


class Clicks:
    """Commands, and when each was published and answered."""

    def __init__(self, exchange: AbstractExchange, reply_to: str) -> None:
        self._exchange = exchange
        self._reply_to = reply_to
        self._published: dict[str, float] = {}
        self._milliseconds: dict[str, float] = {}
        self._answered = asyncio.Event()

    async def note_answer(self, reply: AbstractIncomingMessage) -> None:
        """Notes the time of a reply."""
        command_id = json.loads(reply.body)["data"]["command_id"]
        passed = time.monotonic() - self._published[command_id]
        self._milliseconds.setdefault(command_id, passed * MILLISECONDS)
        self._answered.set()

    async def until(self, stopping: asyncio.Task[str]) -> None:
        """Publishes by the clock, whether or not earlier clicks are answered."""
        began = time.monotonic()
        for number, command in zip(count(1), activations(CLICK_IDS, CLICKS_MAXIMUM), strict=False):
            await self._publish(command)
            rest = max(0.0, began + number * PAUSE_SECONDS - time.monotonic())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(stopping), rest)
            if stopping.done():
                return

    async def answers(self) -> list[float]:
        """The milliseconds of each click, when all are answered."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while len(self._milliseconds) < len(self._published):
                self._answered.clear()
                await self._answered.wait()
        return [self._milliseconds[command_id] for command_id in self._published]

    async def _publish(self, command: Command) -> None:
        self._published[command.command_id] = time.monotonic()
        message = aio_pika.Message(
            command.body(),
            content_type=CONTENT_TYPE,
            message_id=command.command_id,
            reply_to=self._reply_to,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await self._exchange.publish(message, command.routing_key)


async def main() -> None:
    """Clicks between the two lines."""
    async with await aio_pika.connect(os.environ["AMQP_URL"]) as connection:
        channel = await connection.channel()
        replies = await channel.declare_queue(f"reply.clicks-{os.getpid()}", exclusive=True)
        clicks = Clicks(await channel.get_exchange(EXCHANGE, ensure=False), replies.name)
        await replies.consume(clicks.note_answer, no_ack=True)
        await asyncio.to_thread(sys.stdin.readline)
        _say("started")
        await clicks.until(asyncio.create_task(asyncio.to_thread(sys.stdin.readline)))
        _say(json.dumps(await clicks.answers()))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
