"""Looks for what no error tells: a consumer that gets nothing, a publisher that nobody reads."""

import asyncio
from typing import Final, Protocol

from aio_pika.abc import AbstractConnection
from aiormq.exceptions import ChannelAccessRefused

from worker.shell.broker import CONNECT_TIMEOUT_SECONDS, LOST, BrokerUnavailable, channel_on
from worker.shell.link import Link
from worker.shell.publishing import Publisher
from worker.shell.reporting import Reporter

__all__ = ["Consuming", "watch_consumer", "watch_publisher"]

LOOK_AT_PUBLISHER_SECONDS: Final = 1


class Consuming(Protocol):
    """What can be known of an intake from outside."""

    @property
    def queue(self) -> str:
        """The queue that it consumes."""

    @property
    def deliveries(self) -> int:
        """How many it was given so far."""

    @property
    def is_idle(self) -> bool:
        """Whether it holds none of them."""


async def watch_consumer(intake: Consuming, link: Link, interval_seconds: float) -> None:
    """Gives the link up when messages wait in the queue and none is delivered, twice in a row.

    Every framework has known brokers that seem connected and deliver nothing after a restart.
    Returns where the broker does not let this user look.
    """
    suspicious = False
    while True:
        before = intake.deliveries
        await asyncio.sleep(interval_seconds)
        if intake.deliveries != before or not intake.is_idle:
            suspicious = False
            continue
        try:
            waiting = await _waiting(link.connections[0], intake.queue)
        except ChannelAccessRefused:
            return
        except (*LOST, BrokerUnavailable):
            continue  # The link itself tells of that.
        if suspicious and waiting and intake.deliveries == before:
            link.lose(f"{waiting} messages wait in {intake.queue}, and none is delivered")
        suspicious = waiting > 0


async def watch_publisher(publisher: Publisher, reporter: Reporter) -> None:
    """Tells when the broker stops reading from publishers, and when it goes on."""
    was_blocked = False
    try:
        while True:
            is_blocked = await publisher.is_blocked()
            if is_blocked != was_blocked:
                reporter.blocked(blocked=is_blocked)
                was_blocked = is_blocked
            await asyncio.sleep(LOOK_AT_PUBLISHER_SECONDS)
    finally:
        if was_blocked:
            reporter.metrics.blocked(blocked=False)


async def _waiting(connection: AbstractConnection, queue: str) -> int:
    # A channel of its own: on one that knows the queue the library answers from memory.
    async with await channel_on(connection) as channel:
        found = await channel.declare_queue(queue, passive=True, timeout=CONNECT_TIMEOUT_SECONDS)
        return found.declaration_result.message_count or 0
