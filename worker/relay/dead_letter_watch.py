"""Watches the dead-letter queue and the exchanges before it, and declares them when they vanish."""

import asyncio
import contextlib
from time import monotonic
from typing import Final

from aio_pika.abc import AbstractConnection

from worker.broker.connecting.connection import CONNECTION_ERRORS, BrokerUnavailable
from worker.broker.topology import (
    TopologyMismatch,
    declare_dead_letter_queue,
    require_dead_letter_queue,
)
from worker.runtime.concurrency import uninterrupted
from worker.telemetry.reporter import Reporter

__all__ = ["DeadLetterQueueWatch"]

INTERVAL_SECONDS: Final = 5
REPORT_SECONDS: Final = 60


class DeadLetterQueueWatch:
    """Checks that the queue exists: RabbitMQ tells only consumers that their queue is gone."""

    def __init__(self, reporter: Reporter, *, declares: bool) -> None:
        """With `declares` it declares what is missing, otherwise it only reports that."""
        self._reporter = reporter
        self._declares = declares
        self._reported_at = 0.0
        self.problem: str | None = None
        """Why the dead-letter queue, or an exchange before it, cannot be used; None if it can."""

    async def run(self, connection: AbstractConnection) -> None:
        """Checks every few seconds until it is cancelled."""
        while True:
            # The session notices itself when the connection is lost.
            with contextlib.suppress(BrokerUnavailable, *CONNECTION_ERRORS):
                # The library may ignore a cancellation during this call.
                self._record(await uninterrupted(self._find_problem(connection)))
            await asyncio.sleep(INTERVAL_SECONDS)

    async def _find_problem(self, connection: AbstractConnection) -> str | None:
        missing = await _find_missing(connection)
        if not self._declares:
            return missing
        try:
            await declare_dead_letter_queue(connection)
        except TopologyMismatch as error:
            return str(error)
        if missing is not None:
            # It is healed, and a queue that was deleted has taken its letters with it.
            self._record(f"{missing} The worker has done so. Letters of a deleted queue are lost.")
        return None

    def _record(self, problem: str | None) -> None:
        was_broken, self.problem = self.problem is not None, problem
        self._reporter.metrics.dead_letter_queue_broken(broken=problem is not None)
        if problem is None and was_broken:
            self._reporter.dead_letter_queue_restored()
        elif problem and (not was_broken or monotonic() - self._reported_at > REPORT_SECONDS):
            self._reported_at = monotonic()
            self._reporter.dead_letter_queue_broken(problem)


async def _find_missing(connection: AbstractConnection) -> str | None:
    try:
        await require_dead_letter_queue(connection)
    except TopologyMismatch as error:
        return str(error)
    return None
