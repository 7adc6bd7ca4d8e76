"""Handles directory messages: the platform's records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from activation_contracts.catalogue import DIRECTORY
from activation_contracts.messages import DirectoryMessage

from worker.consuming.batch_reader import Incoming
from worker.core.directory.change import change_in
from worker.core.directory.work import Applied
from worker.runtime.clock import Clock
from worker.storage.connecting.session import Session
from worker.storage.directory.applying import apply_changes, join_directory_writers
from worker.storage.directory.saving import DirectoryContext
from worker.telemetry.reporter import Reporter

__all__ = ["DirectoryHandler"]


@dataclass(frozen=True, slots=True)
class DirectoryHandler:
    """Applies records to what is held, or lets them wait; the relay publishes what follows."""

    clock: Clock
    reporter: Reporter
    wake_relay: Callable[[], None]
    partitions: int
    messages = DIRECTORY

    async def handle_batch(
        self, session: Session, batch: Sequence[Incoming[DirectoryMessage]]
    ) -> Applied:
        """Stores what follows; returns what became of each record, those that waited included."""
        await join_directory_writers(session)
        context = DirectoryContext(self.partitions, self.clock())
        changes = [change_in(incoming.message) for incoming in batch]
        return await apply_changes(session, context, changes)

    def after_commit(
        self,
        _batch: Sequence[Incoming[DirectoryMessage]],
        result: Applied,
        _committed_at: datetime,
    ) -> None:
        """Logs and counts the outcomes, and wakes the relay to publish what follows."""
        self.reporter.records_applied(result)
        self.wake_relay()
