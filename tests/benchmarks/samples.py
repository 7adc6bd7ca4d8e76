"""What the worker really publishes for one command: the probe publishes the same.

Each message is kept with its exchange, routing key and properties; where the command's id stands,
another of the same length is put.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from aio_pika.abc import AbstractIncomingMessage
from pamqp import commands as amqp

from contracts.values import Operation
from tests.benchmarks.broker import OUTPUTS, Depths, preload
from tests.benchmarks.contestants import running, worker
from tests.benchmarks.stage import Stage
from tests.benchmarks.wanted import SAID, wanted
from tests.benchmarks.worlds import World
from worker.broker.connection import connect

WITHIN_SECONDS = 30
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
    """Also the correlation id."""
    body: str

    def body_for(self, command_id: str) -> bytes:
        """The message of another command."""
        return self.body.encode().replace(self.command_id.encode(), command_id.encode())

    def message_id_for(self, command_id: str) -> str:
        """As long as the real one, and like it different for each message."""
        return (command_id + self.message_id)[: len(self.message_id)]

    def properties_for(self, command_id: str) -> amqp.Basic.Properties:
        """Those of the message of another command."""
        return amqp.Basic.Properties(
            content_type=self.content_type,
            delivery_mode=2,
            message_id=self.message_id_for(command_id),
            message_type=self.message_type,
            correlation_id=command_id,
        )


class Samples(dict[str, list[Sample]]):
    """The messages for each operation, in the order in which they are said."""

    def write(self, path: Path) -> None:
        """Keeps them for the probe."""
        told = {name: [asdict(item) for item in of_name] for name, of_name in self.items()}
        path.write_text(json.dumps(told), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` kept."""
        told = json.loads(path.read_text(encoding="utf-8"))
        return cls({name: [Sample(**item) for item in of_name] for name, of_name in told.items()})


async def record(stage: Stage, template: str, world: World) -> Path:
    """Lets a worker carry out one command of each operation; where the messages are kept."""
    samples = Samples()
    for operation in Operation:
        (command,) = wanted(operation, world, 1, stage.seed)
        async with stage.place(template) as place:
            preload(place.amqp_url, [command])
            async with running(worker(), place.environment, stage.folder / "sample.log"):
                await until_said(place.amqp_url, len(SAID[operation]))
            samples[operation] = await _taken(place.amqp_url, command.command_id)
    path = stage.folder / "samples.json"
    samples.write(path)
    return path


async def until_said(amqp_url: str, count: int, queues: Sequence[str] = OUTPUTS) -> None:
    """Returns as soon as so many messages wait to be heard."""
    depths = Depths(amqp_url)
    async with asyncio.timeout(WITHIN_SECONDS):
        while depths.outputs(queues) < count:
            await asyncio.sleep(POLL_SECONDS)
    depths.close()


async def _taken(amqp_url: str, command_id: str) -> list[Sample]:
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


def told(samples: Samples) -> Sequence[str]:
    """How large they are, for the report."""
    return [
        f"{operation}: {len(of_kind)} messages, {sum(len(item.body) for item in of_kind):,} bytes"
        for operation, of_kind in samples.items()
    ]
