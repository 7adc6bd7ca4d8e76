"""Measures how many messages wait in the queues, by looking at the queues alone."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from aio_pika.abc import AbstractConnection

from worker.broker.connecting.connection import CONNECTION_ERRORS, BrokerUnavailable, ready_by_queue
from worker.telemetry.metrics import Metrics

__all__ = ["watch_queue_depths"]

INTERVAL_SECONDS: Final = 10


async def watch_queue_depths(
    connection: AbstractConnection, queues: Sequence[str], metrics: Metrics
) -> None:
    """Measures these queues every few seconds until it is cancelled.

    A passive declaration takes no message out of a queue, and counts none as delivered.
    """
    try:
        while True:
            # The session notices itself when the connection is lost.
            with contextlib.suppress(BrokerUnavailable, *CONNECTION_ERRORS):
                metrics.queue_depths(await ready_by_queue(connection, queues))
            await asyncio.sleep(INTERVAL_SECONDS)
    finally:
        metrics.queue_depths({})
