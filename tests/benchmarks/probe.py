"""The physical limit: `probe SAMPLES [--pipelined]`, by `AMQP_URL`, until SIGTERM.

Takes commands from the queue with aio-pika and publishes, confirmed and persistent, exactly what
the worker publishes for them; then it acknowledges. It decides nothing, stores nothing, and takes
what waits: up to 200 at a time, with 600 prefetched, as the worker does.
"""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import aio_pika
import uvloop
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage

from tests.benchmarks.broker import COMMANDS
from tests.benchmarks.samples import Sample, Samples
from worker.broker.batch_confirms import publish_batch
from worker.broker.publication import Publication

if TYPE_CHECKING:
    from aiormq import Channel

PREFETCH = 600
BATCH_MAXIMUM = 200

Batch = Sequence[tuple[Sample, str]]
"""What is published, and for which command."""
Publish = Callable[[Batch], Awaitable[None]]


class Probe:
    """Publishes batch after batch."""

    def __init__(self, samples: Samples, publish: Publish) -> None:
        self._samples = samples
        self._publish = publish
        self._waiting: deque[AbstractIncomingMessage] = deque()
        self._arrived = asyncio.Event()
        self._stopping = False

    def stop(self) -> None:
        """Ends `run` after the batch at hand."""
        self._stopping = True
        self._arrived.set()

    async def receive(self, delivery: AbstractIncomingMessage) -> None:
        """Takes note of a command."""
        self._waiting.append(delivery)
        self._arrived.set()

    async def run(self) -> None:
        """Answers whatever waits."""
        while not self._stopping:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting and not self._stopping:
                count = min(BATCH_MAXIMUM, len(self._waiting))
                taken = [self._waiting.popleft() for _ in range(count)]
                await self._publish(
                    [item for delivery in taken for item in self._answers(delivery)]
                )
                await taken[-1].ack(multiple=True)

    def _answers(self, delivery: AbstractIncomingMessage) -> Batch:
        operation = (delivery.type or "").split(".")[2]
        command_id = delivery.message_id or ""
        return [(sample, command_id) for sample in self._samples[operation]]


async def by_the_library(channel: AbstractChannel, samples: Samples) -> Publish:
    """Publishes as aio-pika does, all messages of a batch side by side."""
    names = {sample.exchange for of_kind in samples.values() for sample in of_kind}
    exchanges: dict[str, AbstractExchange] = {
        name: await channel.get_exchange(name, ensure=False) for name in names
    }

    async def publish(batch: Batch) -> None:
        await asyncio.gather(
            *(
                exchanges[sample.exchange].publish(
                    _message(sample, command_id), sample.routing_key, mandatory=True
                )
                for sample, command_id in batch
            )
        )

    return publish


async def by_the_pipeline(channel: AbstractChannel) -> Publish:
    """Publishes as the worker does, all messages of a batch in one write."""
    below = cast("Channel", await channel.get_underlay_channel())

    async def publish(batch: Batch) -> None:
        wave = await publish_batch(below, [_publication(*item) for item in batch])
        await wave.settled
        for confirm in wave.confirms:
            confirm.result()

    return publish


def _message(sample: Sample, command_id: str) -> aio_pika.Message:
    return aio_pika.Message(
        sample.body_for(command_id),
        content_type=sample.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=sample.message_id_for(command_id),
        type=sample.message_type,
        correlation_id=command_id,
    )


def _publication(sample: Sample, command_id: str) -> Publication:
    return Publication(
        sample.exchange,
        sample.routing_key,
        sample.properties_for(command_id),
        sample.body_for(command_id),
    )


async def main(samples: Samples, *, pipelined: bool) -> None:
    """Works until SIGTERM."""
    async with await aio_pika.connect(os.environ["AMQP_URL"]) as connection:
        publishing = await connection.channel(publisher_confirms=True, on_return_raises=True)
        if pipelined:
            publish = await by_the_pipeline(publishing)
        else:
            publish = await by_the_library(publishing, samples)
        consuming = await connection.channel(publisher_confirms=False)
        await consuming.set_qos(prefetch_count=PREFETCH)
        queue = await consuming.get_queue(COMMANDS, ensure=False)
        probe = Probe(samples, publish)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, probe.stop)
        await queue.consume(probe.receive)
        await probe.run()


if __name__ == "__main__":
    uvloop.run(main(Samples.read(Path(sys.argv[1])), pipelined="--pipelined" in sys.argv))
