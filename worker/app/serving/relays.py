"""The relays of one worker, together."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from worker.core.lanes import Lane
from worker.relay.outbox import Outbox

__all__ = ["Relays"]


@dataclass(frozen=True, slots=True)
class Relays:
    """The relays of this worker, one for each partition that it serves: a `RelayPort` of all.

    It knows nothing of the relays of other workers. Without a relay it is never behind.
    """

    outboxes: set[Outbox] = field(default_factory=set)

    def wake(self) -> None:
        """Wakes each relay to publish: the platform's records led to messages."""
        for outbox in self.outboxes:
            outbox.wake()

    def sweep(self) -> None:
        """Wakes each relay to advance due operations: PBX results were stored."""
        for outbox in self.outboxes:
            outbox.wake(sweep=True)

    def is_behind(self, lane: Lane) -> bool:
        """Whether one of them is behind with messages that go out before those of this lane."""
        return any(outbox.is_behind(lane) for outbox in self.outboxes)

    def oldest_untried(self, lane: Lane) -> datetime | None:
        """When the oldest message of all was queued that the broker has never refused."""
        oldest = (outbox.oldest_untried(lane) for outbox in self.outboxes)
        return min((queued_at for queued_at in oldest if queued_at is not None), default=None)

    async def wait_for_read(self, at_most_seconds: float) -> None:
        """Returns when each that is behind has read its next batch, or after this time."""
        behind = [outbox for outbox in self.outboxes if outbox.is_behind(Lane.BULK)]
        await asyncio.gather(*(outbox.wait_for_read(at_most_seconds) for outbox in behind))
