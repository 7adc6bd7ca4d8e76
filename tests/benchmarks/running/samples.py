"""Records the worker's messages for one command, so that the probe can publish the same.

A sample keeps exchange, routing key and properties; the probe replaces the command id by another of
the same length.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from activation_contracts.values import Operation
from aio_pika.abc import AbstractIncomingMessage
from pamqp import commands as amqp

from tests.benchmarks.data.dataset import Dataset
from tests.benchmarks.data.workload import EXPECTED, plan_commands
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.broker import OUTPUTS, MessagesMissing, QueueDepths, preload
from tests.benchmarks.running.implementations import running, worker
from worker.broker.connecting.connection import connect

SILENCE_SECONDS = 60
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """One message that is published for a command."""

    exchange: str
    routing_key: str
    content_type: str
    message_id: str
    message_type: str
    command_id: str
    """Also the correlation id of its messages."""
    body: str

    def body_for(self, command_id: str) -> bytes:
        """The body for another command."""
        return self.body.encode().replace(self.command_id.encode(), command_id.encode())

    def message_id_for(self, command_id: str) -> str:
        """A message id of the real length, different for each message."""
        return (command_id + self.message_id)[: len(self.message_id)]

    def properties_for(self, command_id: str) -> amqp.Basic.Properties:
        """The AMQP properties for another command."""
        return amqp.Basic.Properties(
            content_type=self.content_type,
            delivery_mode=2,
            message_id=self.message_id_for(command_id),
            message_type=self.message_type,
            correlation_id=command_id,
        )


class Samples(dict[str, list[Sample]]):
    """The messages of each operation, in the order of the output queues."""

    def write(self, path: Path) -> None:
        """Writes the samples for the probe."""
        fields = {name: [asdict(item) for item in of_name] for name, of_name in self.items()}
        path.write_text(json.dumps(fields), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads what `write` wrote."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        return cls({name: [Sample(**item) for item in of_name] for name, of_name in fields.items()})


async def record(bench: Bench, template: str, dataset: Dataset) -> Path:
    """Runs a worker for one command of each operation; returns the file with the samples."""
    samples = Samples()
    for operation in Operation:
        (command,) = plan_commands(operation, dataset, 1, bench.seed)
        async with bench.fresh_database(template) as endpoints:
            preload(endpoints.amqp_url, [command])
            async with running(worker(), endpoints.environment, bench.folder / "sample.log"):
                await wait_for_outputs(endpoints.amqp_url, len(EXPECTED[operation]))
            samples[operation] = await _consume(endpoints.amqp_url, command.command_id)
    path = bench.folder / "samples.json"
    samples.write(path)
    return path


async def wait_for_outputs(amqp_url: str, count: int, queues: Sequence[str] = OUTPUTS) -> None:
    """Returns as soon as this many messages are ready in the queues.

    Raises `MessagesMissing` after a minute without a further message.
    """
    depths = QueueDepths(amqp_url)
    last, before = time.monotonic(), 0
    while (found := depths.outputs(queues)) < count:
        if found > before:
            last, before = time.monotonic(), found
        if time.monotonic() > last + SILENCE_SECONDS:
            raise MessagesMissing(f"{found:,} of {count:,} messages in {', '.join(queues)}")
        await asyncio.sleep(POLL_SECONDS)
    depths.close()


async def _consume(amqp_url: str, command_id: str) -> list[Sample]:
    samples = []
    async with await connect([amqp_url]) as connection, connection.channel() as channel:
        for name in OUTPUTS:
            queue = await channel.get_queue(name, ensure=False)
            while (message := await queue.get(fail=False, no_ack=True)) is not None:
                samples.append(_sample(message, command_id))
    return samples


def _sample(message: AbstractIncomingMessage, command_id: str) -> Sample:
    return Sample(
        message.exchange or "",
        message.routing_key or "",
        message.content_type or "",
        message.message_id or "",
        message.type or "",
        command_id,
        message.body.decode(),
    )
