"""Applies the differences between a file and what is held, kind by kind, in chunks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from activation_contracts.records import RECORD_CLASSES, RecordKind

from worker.core.cause import Cause
from worker.core.directory.change import Change, RecordId, Verdict, WaitsFor
from worker.core.directory.work import Outcome
from worker.core.situation import Holder
from worker.operator.importing.jsonl import WHOLE_FILE, ImportRefused, Problems
from worker.operator.importing.progress import Progress
from worker.storage.connecting.session import Row, Session
from worker.storage.directory.applying import apply_changes
from worker.storage.directory.saving import DirectoryContext
from worker.storage.directory.staging import changes, deletions
from worker.storage.entitlement import check_entitlements

__all__ = ["Applying", "Counts", "Pass"]


NEEDED: Final[Mapping[WaitsFor | None, str]] = {
    WaitsFor.NUMBER: "is not provisioned",
    WaitsFor.MAIN_NUMBER: "is no main number: only main numbers have call settings",
}
"""What a message waits for, since that of another record may come later. A file is complete."""


class Pass(NamedTuple):
    """All changes of one kind, or all deletions."""

    kind: RecordKind
    deletions: bool = False


@dataclass(slots=True)
class Counts:
    """What became of the records of one kind."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    waiting: int = 0
    """Applied when the operation under way of their number ends."""

    @property
    def in_file(self) -> int:
        """How many of them the file has, apart from those that wait."""
        return self.new + self.changed + self.unchanged


class Applying:
    """Applies the passes of one import in one transaction."""

    def __init__(
        self,
        session: Session,
        context: DirectoryContext,
        cause: Cause,
        *,
        staged: Mapping[str, int],
        progress: Progress,
    ) -> None:
        self._session = session
        self._context = context
        self._cause = cause
        self._progress = progress
        self.counts = {RecordKind(kind): Counts(unchanged=staged[kind]) for kind in staged}
        """Of each kind that the file has, or that is deleted."""
        self._affected = set[Holder]()
        self._waiting_deletions = set[RecordId]()

    async def run(self, passes: Iterable[Pass]) -> None:
        """Applies these passes, and publishes which accounts are short after all of them.

        Raises `ImportRefused` if records contradict what is held.
        """
        for of in passes:
            await self._run(of)
        # A shortage that a later chunk ends is none: nothing of the import is visible before.
        await check_entitlements(
            self._session,
            self._affected,
            self._cause,
            partitions=self._context.partitions,
            now=self._context.now,
        )

    async def _run(self, of: Pass) -> None:
        problems, done = Problems(), 0
        verb, source = ("Deleting", deletions) if of.deletions else ("Storing", changes)
        async for rows in source(self._session, of.kind):
            for row, outcome in await self._apply(of, rows):
                if not _is_possible(outcome):
                    problems.add(*_problem(row, outcome))
                else:
                    self._count(of, row, outcome)
            done += len(rows)
            self._progress(f"{verb} {of.kind}", done, rows[0]["total"])
        if problems.count:
            raise ImportRefused(problems)

    async def _apply(self, of: Pass, rows: Sequence[Row]) -> list[tuple[Row, Outcome]]:
        stated = {
            change.id: (change, row)
            for row in rows
            for change in [self._change(of, row)]
            if change.id not in self._waiting_deletions
        }
        applied = await apply_changes(
            self._session,
            self._context,
            [change for change, _ in stated.values()],
            compares_entitlements=False,
        )
        self._affected.update(applied.affected)
        # What had waited for a number is applied with it, and is not of this file.
        own = (outcome for outcome in applied.outcomes if outcome.change.cause == self._cause)
        return [(stated[outcome.change.id][1], outcome) for outcome in own]

    def _change(self, of: Pass, row: Row) -> Change:
        classes = RECORD_CLASSES[of.kind]
        if of.deletions:
            key = classes.key.model_validate_json(row["held"])
            return Change(key, None, self._cause, deleted=True)
        return Change(classes.record.model_validate_json(row["in_file"]), None, self._cause)

    def _count(self, of: Pass, row: Row, outcome: Outcome) -> None:
        if outcome.verdict is Verdict.UNCHANGED:
            return
        counts = self.counts.setdefault(of.kind, Counts())
        counts.unchanged -= not of.deletions
        if outcome.verdict is Verdict.WAITS:
            counts.waiting += 1
            if of.deletions:
                # Its record is still held in a later pass.
                self._waiting_deletions.add(outcome.change.id)
        elif of.deletions:
            counts.deleted += 1
        elif row["held"] is None:
            counts.new += 1
        else:
            counts.changed += 1


def _is_possible(outcome: Outcome) -> bool:
    return outcome.verdict is not Verdict.CONFLICT and outcome.waits_for not in NEEDED


def _problem(row: Row, outcome: Outcome) -> tuple[int, str]:
    if outcome.change.deleted:
        return WHOLE_FILE, f"{outcome.change.described} is missing: {outcome.detail}"
    number = outcome.change.phone_number
    missing = NEEDED.get(outcome.waits_for)
    return row["line"], outcome.detail if missing is None else f"{number} {missing}"
