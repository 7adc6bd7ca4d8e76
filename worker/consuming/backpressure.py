"""Holds consumers back while the relay cannot publish as fast as they decide."""

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Final, Protocol

from worker.core.lanes import Lane
from worker.runtime.clock import Clock
from worker.telemetry.reporter import Reporter

__all__ = ["Backpressure", "RelayPort"]

POLL_SECONDS: Final = 0.2


class RelayPort(Protocol):
    """What consumers know of the relay that publishes their messages."""

    def is_behind(self, lane: Lane) -> bool:
        """Whether more messages wait than one batch holds, and those of this lane wait for them.

        False while the broker is blocked.
        """

    def oldest_untried(self, lane: Lane) -> datetime | None:
        """When the oldest message was queued that the broker has never refused.

        Of those of this lane and of the lanes before it.
        """

    async def wait_for_read(self, at_most_seconds: float) -> None:
        """Returns when the relay has read its next batch, or after this time."""


class Backpressure:
    """Slows consuming while the relay is behind; pauses it while its oldest message is too old.

    Messages that the broker has refused do not count: one full PBX queue must not stop a building
    in another town.
    """

    def __init__(
        self,
        relay: RelayPort,
        clock: Clock,
        reporter: Reporter,
        *,
        age_maximum_seconds: float,
    ) -> None:
        self._relay = relay
        self._clock = clock
        self._reporter = reporter
        self._age_maximum = timedelta(seconds=age_maximum_seconds)

    async def wait_for_capacity(self, closing: asyncio.Event, lane: Lane) -> None:
        """Returns when the consumer may take a batch of this lane, or when `closing` is set.

        While the relay is behind, it passes one batch for each batch that the relay reads. It
        polls: the relay can catch up without new deliveries.
        """
        if self._relay.is_behind(lane) and not closing.is_set():
            await self._relay.wait_for_read(POLL_SECONDS)
        if not self._is_too_old(lane):
            return
        self._reporter.consuming_paused(self._relay.oldest_untried(lane))
        try:
            while self._is_too_old(lane) and not closing.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(closing.wait(), POLL_SECONDS)
        finally:
            self._reporter.consuming_resumed()

    def _is_too_old(self, lane: Lane) -> bool:
        oldest = self._relay.oldest_untried(lane)
        return oldest is not None and self._clock() - oldest > self._age_maximum
