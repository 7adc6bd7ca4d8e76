"""Counts the commands that no worker has read yet."""

from collections.abc import Mapping, Sequence
from typing import Final

from worker.broker.connecting.answers import CONNECTION_ERRORS
from worker.broker.connecting.connection import BrokerUnavailable, connect, ready_by_queue
from worker.broker.partition_queues import SOURCES, queue_names_of
from worker.core.partitions import Layout
from worker.runtime.concurrency import limited
from worker.runtime.mistakes import Mistake
from worker.settings import Settings

__all__ = ["count_waiting_commands"]

TIMEOUT_SECONDS: Final = 5
"""What the database says is shown without the count if the broker takes longer."""


async def count_waiting_commands(settings: Settings, layout: Layout) -> int | None:
    """The commands in the command queues and the partitions' own; None if the broker is silent.

    Also None if this user may not look at one of the queues.
    """
    names = [*SOURCES, *queue_names_of(layout)]
    try:
        ready = await limited(_count(settings.amqp_urls, names), TIMEOUT_SECONDS)
    except (BrokerUnavailable, Mistake, *CONNECTION_ERRORS):
        return None
    return sum(ready.values()) if len(ready) == len(names) else None


async def _count(urls: Sequence[str], names: Sequence[str]) -> Mapping[str, int]:
    async with await connect(urls) as connection:
        return await ready_by_queue(connection, names)
