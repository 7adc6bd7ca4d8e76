"""Looks for what no error tells: a consumer that gets nothing, a publisher that nobody reads."""

import asyncio
from typing import Final, Protocol

from worker.shell.broker import BrokerUnavailable, ready_messages
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

    def found_empty(self) -> None:
        """To be told that nothing waits in its queue."""


async def watch_consumer(intake: Consuming, link: Link, interval_seconds: float) -> None:
    """Gives the link up when messages wait in the queue and none is delivered, twice in a row.

    Every framework has known brokers that seem connected and deliver nothing after a restart.
    """
    suspicious = False
    while True:
        before = intake.deliveries
        await asyncio.sleep(interval_seconds)
        if intake.deliveries != before or not intake.is_idle:
            suspicious = False
            continue
        try:
            waiting = await ready_messages(link.connections[0], intake.queue)
        except BrokerUnavailable:
            continue  # The link itself tells of that.
        if suspicious and waiting and intake.deliveries == before:
            link.lose(f"{waiting} messages wait in {intake.queue}, and none is delivered")
        suspicious = waiting > 0
        if not waiting:
            intake.found_empty()


async def watch_publisher(publisher: Publisher, reporter: Reporter) -> None:
    """Tells when the broker stops reading from publishers, and when it goes on."""
    was_blocked = False
    try:
        while True:
            is_blocked = publisher.is_blocked()
            if is_blocked != was_blocked:
                reporter.blocked(blocked=is_blocked)
                was_blocked = is_blocked
            await asyncio.sleep(LOOK_AT_PUBLISHER_SECONDS)
    finally:
        if was_blocked:
            reporter.metrics.blocked(blocked=False)
