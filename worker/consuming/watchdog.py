"""Detects failures without an error: a consumer without deliveries, a blocked publisher."""

import asyncio
from time import monotonic
from typing import Final

from worker.broker.connecting.connection import BrokerUnavailable, ready_messages
from worker.broker.publishing.publisher import Publisher
from worker.broker.session import BrokerSession
from worker.consuming.consumer import Consumer
from worker.telemetry.reporter import Reporter

__all__ = ["ask_for_alarms", "watch_consumer", "watch_publisher"]

PUBLISHER_POLL_SECONDS: Final = 1
ALARM_POLL_SECONDS: Final = 5


async def watch_consumer(
    consumer: Consumer, session: BrokerSession, interval_seconds: float
) -> None:
    """Fails the session when, in two intervals in a row, messages wait and none is delivered.

    Also when the broker does not answer. It can keep a connection open after a restart and deliver
    nothing on it.
    """
    is_suspicious = False
    while True:
        before = consumer.deliveries
        await asyncio.sleep(interval_seconds)
        if consumer.deliveries != before or not consumer.is_empty:
            is_suspicious = False
            continue
        try:
            waiting = await ready_messages(session.connections[0], consumer.queue)
        except BrokerUnavailable as error:
            # The session detects losses itself, but a mute broker only after three heartbeats.
            if isinstance(error.__cause__, TimeoutError):
                session.fail(f"the broker does not answer how many messages {consumer.queue} has")
            continue
        if is_suspicious and waiting and consumer.deliveries == before:
            session.fail(f"{waiting} messages wait in {consumer.queue}, and none is delivered")
        is_suspicious = waiting > 0
        if not waiting and consumer.deliveries == before:
            consumer.found_empty()


async def watch_publisher(publisher: Publisher, reporter: Reporter) -> None:
    """Reports when the broker stops reading from publishers, and when it reads again."""
    was_blocked = False
    looked_at = monotonic()
    try:
        while True:
            before, looked_at = looked_at, monotonic()
            if was_blocked:
                reporter.metrics.blocked_for(looked_at - before)
            is_blocked = publisher.is_blocked()
            if is_blocked != was_blocked:
                (reporter.broker_blocked if is_blocked else reporter.broker_unblocked)()
                was_blocked = is_blocked
            await asyncio.sleep(PUBLISHER_POLL_SECONDS)
    finally:
        if was_blocked:
            reporter.metrics.broker_blocked(blocked=False)


async def ask_for_alarms(publisher: Publisher) -> None:
    """Asks again and again whether the broker reads what is published.

    While an alarm blocks everybody who publishes commands, a worker has nothing to publish, and
    would not hear of it.
    """
    while True:
        await publisher.ask_for_alarms()
        await asyncio.sleep(ALARM_POLL_SECONDS)
