"""Reads snapshots: numbers as they were at one moment, page by page."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from activation_contracts.messages import OperationUnderWay, ReportedNumber
from activation_contracts.values import NumberStatus, Operation

from worker.core.messages.explanations import at_deadline
from worker.core.messages.snapshots import Selection
from worker.core.operations.operation import open_steps, steps_for
from worker.core.situation import Usage
from worker.storage.connecting.engine import READING_WHOLE_TABLES
from worker.storage.connecting.session import Row, Session
from worker.storage.entitlement import usage_of
from worker.storage.operations import step_of

__all__ = ["NumbersAtOneMoment", "Sessions", "open_snapshot"]

STORE_TIMEOUT_SECONDS: Final = 15 * 60
"""For the statement that stores all rows of a snapshot: a million numbers take seconds."""
BEGIN: Final = f"""
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = 0;
SET LOCAL cursor_tuple_fraction = 1; {READING_WHOLE_TABLES}
"""
"""The plan of a cursor otherwise suits a reader of its first rows."""


class Sessions(Protocol):
    """Gives sessions: a database, or a term of leadership in it."""

    def session(self) -> AbstractAsyncContextManager[Session]:
        """See `Database.session`."""


@dataclass(frozen=True, slots=True)
class NumbersAtOneMoment:
    """The numbers of a selection, and the usage of its holder."""

    as_of: datetime
    """By the clock of the database. What was committed before is included."""
    numbers: int
    """How many there are."""
    usage: Usage | None
    """None if the selection has no holder."""
    first_page: Sequence[ReportedNumber]
    session: Session

    async def read_page(self, page: int) -> Sequence[ReportedNumber]:
        """The numbers of this page, counted from 1; call it for one page after the other."""
        if page == 1:
            return self.first_page
        return _reported(await self.session.fetch("fetch_snapshot"))


@asynccontextmanager
async def open_snapshot(
    sessions: Sessions, selection: Selection
) -> AsyncIterator[NumbersAtOneMoment]:
    """Stores a snapshot in the server, and lets read it until the end.

    It holds no transaction open, and no more than a page in memory.
    """
    async with sessions.session() as session:
        try:
            yield await _store(session, selection)
            await session.driver.execute("CLOSE snapshot")
        except BaseException:
            # The pool must not reuse it: a transaction or the cursor may be open.
            session.driver.terminate()
            raise


async def _store(session: Session, selection: Selection) -> NumbersAtOneMoment:
    await session.driver.execute(BEGIN)
    await session.fetch("open_snapshot", **selection._asdict())
    ((as_of,),) = await session.fetch("snapshot_moment")
    usage = await _usage(session, selection, as_of)
    await session.driver.execute("COMMIT", timeout=STORE_TIMEOUT_SECONDS)
    rows = await session.fetch("fetch_snapshot")
    numbers = rows[0]["numbers"] if rows else 0
    return NumbersAtOneMoment(as_of, numbers, usage, _reported(rows), session)


async def _usage(session: Session, selection: Selection, as_of: datetime) -> Usage | None:
    if selection.holder is None:
        return None
    rows = await session.fetch("snapshot_usage", **selection.holder._asdict(), today=as_of.date())
    # Without a row the account has never had a service or a number there.
    return usage_of(rows[0]) if rows else Usage(0)


def _reported(rows: Sequence[Row]) -> list[ReportedNumber]:
    return [
        ReportedNumber(
            phone_number=row["phone_number"],
            account_id=row["account_id"],
            site_id=row["site_id"],
            extension=row["extension"],
            status=NumberStatus(row["status"]),
            sequence=row["sequence"],
            main_number=row["main_number"],
            assigned=row["assigned"],
            operation=_under_way(row),
        )
        for row in rows
    ]


def _under_way(row: Row) -> OperationUnderWay | None:
    if row["operation"] is None:
        return None
    operation = Operation(row["operation"])
    steps = steps_for(operation, map(step_of, row["steps"]))
    return OperationUnderWay(
        operation=operation,
        command_id=row["command_id"],
        since=row["since"],
        deadline=row["deadline"],
        awaiting=tuple(step.as_contract() for step in open_steps(steps)),
        at_deadline=at_deadline(operation),
    )
