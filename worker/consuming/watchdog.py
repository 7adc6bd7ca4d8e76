"""Looks for what no error tells: a consumer that gets nothing, a publisher that nobody reads."""

import asyncio
from typing import Final

from worker.broker.connection import BrokerUnavailable, ready_messages
from worker.broker.publisher import Publisher
from worker.broker.session import BrokerSession
from worker.consuming.consumer import Consumer
from worker.telemetry.reporter import Reporter

__all__ = ["watch_consumer", "watch_publisher"]

LOOK_AT_PUBLISHER_SECONDS: Final = 1


async def watch_consumer(inbox: Consumer, link: BrokerSession, interval_seconds: float) -> None:
    """Gives the link up when messages wait in the queue and none is delivered, twice in a row.

    Every framework has known brokers that seem connected and deliver nothing after a restart.
    """
    suspicious = False
    while True:
        before = inbox.deliveries
        await asyncio.sleep(interval_seconds)
        if inbox.deliveries != before or not inbox.is_empty:
            suspicious = False
            continue
        try:
            waiting = await ready_messages(link.connections[0], inbox.queue)
        except BrokerUnavailable:
            continue  # The link itself tells of that.
        if suspicious and waiting and inbox.deliveries == before:
            link.fail(f"{waiting} messages wait in {inbox.queue}, and none is delivered")
        suspicious = waiting > 0
        if not waiting and inbox.deliveries == before:
            inbox.found_empty()


async def watch_publisher(publisher: Publisher, reporter: Reporter) -> None:
    """Tells when the broker stops reading from publishers, and when it goes on."""
    was_blocked = False
    try:
        while True:
            is_blocked = publisher.is_blocked()
            if is_blocked != was_blocked:
                (reporter.broker_blocked if is_blocked else reporter.broker_unblocked)()
                was_blocked = is_blocked
            await asyncio.sleep(LOOK_AT_PUBLISHER_SECONDS)
    finally:
        if was_blocked:
            reporter.metrics.broker_blocked(blocked=False)
