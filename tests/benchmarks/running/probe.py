"""The physical limit: `probe SAMPLES [--batched]`. Reads `AMQP_URL` and runs until SIGTERM.

Consumes commands with aio-pika, publishes exactly the worker's messages for them, confirmed and
persistent, and then acknowledges. It decides and stores nothing. Batches and prefetch are those of
the worker: what already waits, up to 200 commands, with 600 prefetched.
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

from tests.benchmarks.running.broker import COMMANDS
from tests.benchmarks.running.samples import Sample, Samples
from worker.broker.publishing.batch_confirms import publish_batch
from worker.broker.publishing.publication import Publication

if TYPE_CHECKING:
    from aiormq import Channel

PREFETCH = 600
BATCH_MAXIMUM = 200

Batch = Sequence[tuple[Sample, str]]
"""Samples to publish, each with the id of its command."""
Publish = Callable[[Batch], Awaitable[None]]


class Probe:
    """Answers commands in batches."""

    def __init__(self, samples: Samples, publish: Publish) -> None:
        self._samples = samples
        self._publish = publish
        self._waiting: deque[AbstractIncomingMessage] = deque()
        self._arrived = asyncio.Event()
        self._stopping = False

    def stop(self) -> None:
        """Ends `run` after the current batch."""
        self._stopping = True
        self._arrived.set()

    async def receive(self, delivery: AbstractIncomingMessage) -> None:
        """Queues a command."""
        self._waiting.append(delivery)
        self._arrived.set()

    async def run(self) -> None:
        """Answers waiting commands until `stop`."""
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


async def with_library_confirms(channel: AbstractChannel, samples: Samples) -> Publish:
    """Publishes with aio-pika, all messages of a batch concurrently."""
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


async def with_batch_confirms(channel: AbstractChannel) -> Publish:
    """Publishes as the worker does, all messages of a batch in one write."""
    underlay = cast("Channel", await channel.get_underlay_channel())

    async def publish(batch: Batch) -> None:
        written = await publish_batch(underlay, [_publication(*item) for item in batch])
        await written.settled
        for confirm in written.confirms:
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


async def main(samples: Samples, *, batched: bool) -> None:
    """Runs until SIGTERM."""
    async with await aio_pika.connect(os.environ["AMQP_URL"]) as connection:
        publishing = await connection.channel(publisher_confirms=True, on_return_raises=True)
        if batched:
            publish = await with_batch_confirms(publishing)
        else:
            publish = await with_library_confirms(publishing, samples)
        consuming = await connection.channel(publisher_confirms=False)
        await consuming.set_qos(prefetch_count=PREFETCH)
        queue = await consuming.get_queue(COMMANDS, ensure=False)
        probe = Probe(samples, publish)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, probe.stop)
        await queue.consume(probe.receive)
        await probe.run()


if __name__ == "__main__":
    uvloop.run(main(Samples.read(Path(sys.argv[1])), batched="--batched" in sys.argv))
