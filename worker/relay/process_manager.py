"""Advances operations: when their messages are confirmed, and when something is due."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from worker.core.batch import Advanced, Snapshot, advance_all, can_complete, confirm_steps
from worker.core.directory.work import Applied
from worker.core.operations.operation import Policy
from worker.relay.key_ordered_publisher import PublishResult
from worker.runtime.clock import Clock
from worker.storage.connecting.engine import Transactions
from worker.storage.connecting.session import Session
from worker.storage.directory.applying import apply_waiting
from worker.storage.directory.saving import DirectoryContext
from worker.storage.loading import load_for_advance, lock_numbers
from worker.storage.operations import change_operations, find_due, release_steps, write_steps
from worker.storage.outbox.messages import delete_messages, postpone_messages
from worker.storage.saving import WriteContext, save_advances
from worker.telemetry.reporter import Reporter

__all__ = ["ProcessManager"]


class _Progress(NamedTuple):
    """What one transaction did."""

    advanced: Sequence[Advanced] = ()
    records: Applied | None = None
    """What became of the records that had waited for the end of these operations."""
    due: int = 0
    """How many operations were due."""


class ProcessManager:
    """Advances the operations of one partition; keeps its state in the database."""

    def __init__(
        self,
        database: Transactions,
        *,
        partition: int,
        partitions: int,
        policy: Policy,
        clock: Clock,
        reporter: Reporter,
        results_read_until: Callable[[datetime], datetime],
    ) -> None:
        """`results_read_until` returns until when, at most this moment, results are counted.

        An operation that is due later is not advanced: a result may still wait in the queue.
        """
        self._database = database
        self._partition = partition
        self._partitions = partitions
        self._policy = policy
        self._clock = clock
        self._reporter = reporter
        self._results_read_until = results_read_until

    async def release_steps(self) -> None:
        """Completes the steps whose results the configuration does not await any more."""
        await self._database.transact(lambda session: release_steps(session, self._policy))

    async def record(self, result: PublishResult) -> None:
        """Records the outcome of a publish and advances the operations that waited for it.

        One transaction deletes confirmed messages and stores what follows from them.
        """
        progress = await self._database.transact(lambda session: self._record(session, result))
        self._report(progress)

    async def advance_due(self, maximum: int) -> int:
        """Advances at most this number of due operations; returns how many were due."""
        progress = await self._database.transact(
            lambda session: self._advance_due(session, maximum)
        )
        self._report(progress)
        return progress.due

    def _report(self, progress: _Progress) -> None:
        self._reporter.advanced(progress.advanced, self._clock())
        if progress.records is not None:
            self._reporter.records_applied(progress.records)

    async def _record(self, session: Session, result: PublishResult) -> _Progress:
        now = self._clock()
        positions = [message.position for message in result.confirmed]
        numbers = _numbers_waiting_for(result)
        if result.undelivered:
            # Numbers before outbox rows, like every transaction that locks both.
            await lock_numbers(session, numbers)
            await postpone_messages(session, self._partition, result.undelivered, now)
        if not numbers:
            await delete_messages(session, self._partition, positions)
            return _Progress()
        snapshot = await load_for_advance(session, numbers, positions, now)
        sent = {message.message_id for message in result.confirmed if message.awaited}
        snapshot = confirm_steps(snapshot, sent, now, self._policy)
        # A confirmed message can only complete an operation. Everything else happens at a certain
        # time, and the sweep finds it.
        completed = [number for number in numbers if can_complete(snapshot, number)]
        advanced = advance_all(snapshot, completed, now, self._policy)
        await save_advances(session, WriteContext(self._partition, now), advanced, positions)
        await self._reschedule(session, snapshot, set(numbers) - set(completed), sent)
        return _Progress(advanced, await self._apply_waiting(session, advanced, now))

    async def _advance_due(self, session: Session, maximum: int) -> _Progress:
        now = self._clock()
        results_until = self._results_read_until(now)
        due = await find_due(session, self._partition, results_until, maximum)
        if not due:
            return _Progress()
        numbers = sorted(due)
        snapshot = await load_for_advance(session, numbers, (), now)
        advanced = advance_all(snapshot, numbers, now, self._policy, results_until=results_until)
        await save_advances(session, WriteContext(self._partition, now), advanced)
        unchanged = set(numbers) - {item.before.phone_number for item in advanced}
        await self._reschedule(session, snapshot, unchanged, ())
        records = await self._apply_waiting(session, advanced, now)
        return _Progress(advanced, records, len(due))

    async def _apply_waiting(
        self, session: Session, advanced: Sequence[Advanced], now: datetime
    ) -> Applied | None:
        """Applies the records that waited for the end of these operations, in the same transaction.

        A command that comes next is decided on them.
        """
        released = sorted(item.before.phone_number for item in advanced if item.releases_records)
        if not released:
            return None
        return await apply_waiting(session, DirectoryContext(self._partitions, now), released)

    async def _reschedule(
        self,
        session: Session,
        snapshot: Snapshot,
        phone_numbers: Collection[str],
        changed_steps: Collection[str],
    ) -> None:
        """Saves when each of these operations is due again, and the steps that have changed."""
        numbers = [
            snapshot.numbers[phone_number]
            for phone_number in sorted(phone_numbers)
            if phone_number in snapshot.numbers
        ]
        steps = [step for number in numbers if number.ongoing for step in number.ongoing.steps]
        await write_steps(session, [step for step in steps if step.step_id in changed_steps])
        await change_operations(session, numbers)


def _numbers_waiting_for(result: PublishResult) -> list[str]:
    """The numbers whose operations may wait for any of these messages, in key order.

    The messages of an operation wait behind every refused message of the number, whatever it is.
    """
    confirmed = {
        message.subject
        for message in result.confirmed
        if message.holds_operation or message.awaited
    }
    return sorted(confirmed | {item.message.subject for item in result.undelivered})
