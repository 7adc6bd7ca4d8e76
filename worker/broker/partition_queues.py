"""Declares, binds and deletes the queues of the partitions; the router publishes to them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from activation_contracts.catalogue import BULK_COMMAND_QUEUE, COMMAND_QUEUE
from activation_contracts.topology import QUEUES, Binding, Exchange, Queue
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelClosed

from worker.broker.connecting.answers import answered
from worker.broker.connecting.connection import channel_on
from worker.broker.topology import TopologyMismatch, declare_exchange, declare_queue, verified
from worker.core.partitions import Layout

__all__ = [
    "PARTITION_EXCHANGE",
    "SOURCES",
    "bind_partition_queues",
    "declare_partition_queues",
    "delete_partition_queues",
    "is_partition_queue",
    "partition_topology",
    "published_to",
    "queue_name_of",
    "queue_names_for",
    "queue_names_of",
    "source_queue",
    "unbind_partition_queues",
]

PARTITION_EXCHANGE: Final = "telephony.phone_number.partitions"
SOURCES: Final = (COMMAND_QUEUE, BULK_COMMAND_QUEUE)
"""The queues whose commands are spread over partitions; each partition has a queue for each."""
COMMAND_QUEUE_ARGUMENTS: Final = next(
    queue.arguments for queue in QUEUES if queue.name == COMMAND_QUEUE
)


def queue_name_of(source: str, partition: int, partitions: int) -> str:
    """The name of the partition's own queue for commands of this source."""
    return f"{source}.partition-{partition}-of-{partitions}"


def is_partition_queue(name: str) -> bool:
    """Whether this is the queue of a partition, of whatever number of partitions."""
    return name.startswith(tuple(f"{source}.partition-" for source in SOURCES))


def published_to(name: str) -> str:
    """The queue to which its messages were published: a source, or the queue itself."""
    return name.partition(".partition-")[0]


def queue_names_of(layout: Layout) -> Sequence[str]:
    """The names of the partitions' own queues; none if one partition reads the sources."""
    return [name for source in SOURCES for name in queue_names_for(source, layout)]


def queue_names_for(source: str, layout: Layout) -> Sequence[str]:
    """Of these, the queues for commands of this source."""
    numbers = range(layout.partitions) if layout.routed else ()
    return [queue_name_of(source, partition, layout.partitions) for partition in numbers]


def source_queue(source: str, partition: int, layout: Layout) -> str:
    """The queue from which the partition reads its commands of this source."""
    return queue_name_of(source, partition, layout.partitions) if layout.routed else source


async def declare_partition_queues(
    connection: AbstractConnection, names: Sequence[str], *, command: str
) -> None:
    """Creates or verifies the queues, and leaves their bindings as they are.

    Raises `TopologyMismatch`, which names the command to repeat.
    """
    for name in names:
        declaration = declare_queue(connection, Queue(name, (), COMMAND_QUEUE_ARGUMENTS))
        await verified(declaration, f"queue {name!r}", command=command)


def partition_topology(layout: Layout) -> tuple[Sequence[Exchange], Sequence[Queue]]:
    """The exchange and the queues of the layout, with their bindings; none without a router."""
    queues = [
        Queue(name, (Binding(PARTITION_EXCHANGE, name),), COMMAND_QUEUE_ARGUMENTS)
        for name in queue_names_of(layout)
    ]
    return [Exchange(PARTITION_EXCHANGE, "direct")] if queues else [], queues


async def bind_partition_queues(
    connection: AbstractConnection, layout: Layout, *, command: str
) -> None:
    """Creates or verifies the layout's exchange, queues and bindings. Raises `TopologyMismatch`."""
    exchanges, queues = partition_topology(layout)
    for exchange in exchanges:
        declaration = declare_exchange(connection, exchange)
        await verified(declaration, f"exchange {exchange.name!r}", command=command)
    for queue in queues:
        await verified(declare_queue(connection, queue), f"queue {queue.name!r}", command=command)


async def unbind_partition_queues(connection: AbstractConnection, names: Sequence[str]) -> None:
    """Removes the bindings: no router reaches these queues any more. Raises `TopologyMismatch`."""
    for name in names:
        with _removal_errors(f"The binding of queue {name!r}"):
            async with await channel_on(connection) as channel:
                queue = await channel.get_queue(name, ensure=False)
                await answered(queue.unbind(PARTITION_EXCHANGE, name))


async def delete_partition_queues(connection: AbstractConnection, names: Sequence[str]) -> None:
    """Deletes the queues with all their messages. Raises `TopologyMismatch`."""
    for name in names:
        with _removal_errors(f"The queue {name!r}"):
            async with await channel_on(connection) as channel:
                await answered(channel.queue_delete(name))


@contextmanager
def _removal_errors(what: str) -> Iterator[None]:
    try:
        yield
    except ChannelClosed as error:
        message = (
            f"{what} could not be removed. The broker says: {error}. Let a user with configure"
            " and write permission run the same command again: it continues where it stopped."
        )
        raise TopologyMismatch(message) from None
