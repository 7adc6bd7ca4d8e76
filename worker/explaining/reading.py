"""Reads what explains numbers: bounded, in one snapshot of the database, without a lock."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from activation_contracts.records import RecordKind

from worker.core.directory.change import RecordId
from worker.core.situation import Holder
from worker.explaining.model import Shown, timeline, waiting_of
from worker.explaining.steps import target_of
from worker.explaining.why import verdict
from worker.runtime.clock import Clock
from worker.storage.connecting.engine import READING_WHOLE_TABLES, Database, Work
from worker.storage.connecting.session import Row, Session
from worker.storage.directory.loading import record_key
from worker.storage.entitlement import load_upcoming
from worker.storage.gauges import DATABASE_FAILURES, measure
from worker.storage.loading import load_numbers_with_steps
from worker.storage.outbox.dead_letters import RefusedDeadLetters, find_refused
from worker.storage.partitions import load_partitions
from worker.telemetry.metrics.database_gauges import DatabaseFigures

__all__ = [
    "LOOKING",
    "ONE_SNAPSHOT",
    "Overview",
    "read_missing",
    "read_number",
    "read_operations",
    "read_overview",
    "read_pause",
    "with_commands_waiting",
]

Result = TypeVar("Result")

ONE_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;"
"""Begins a transaction in which all queries see the same moment: an operation that ends meanwhile
reads as ended everywhere, or nowhere."""
LOOKING: Final = (
    ONE_SNAPSHOT
    + """
SET LOCAL statement_timeout = '1s'; SET LOCAL lock_timeout = '100ms';
SET LOCAL max_parallel_workers_per_gather = 0;
"""
    + READING_WHOLE_TABLES
)
"""The same for the page: a query that is slow is given up, and takes no time from commands."""
LISTED: Final = 20
RECENTLY: Final = timedelta(hours=1)
LAST_WEEK: Final = timedelta(days=7)
ROWS_MAXIMUM: Final = 500
"""Of each part of a number: the newest."""
PARTS: Final = (
    "call_settings",
    "hunt_groups",
    "logins",
    "unsent",
    "steps",
    "step_events",
    "manual_logouts",
    "acts",
    "waiting_records",
    "dead_letters",
    "history",
)


async def read_number(session: Session, phone_number: str, clock: Clock) -> Shown | None:
    """The number with everything that explains it, as plain values; None if not provisioned."""
    now = clock()
    fetch = partial(session.fetch, phone_number=phone_number, maximum=ROWS_MAXIMUM)
    found = await session.fetch(
        "show_number",
        phone_number=phone_number,
        record_key=_record_key(phone_number),
        today=now.date(),
    )
    if not found:
        return None
    shown: dict[str, Any] = dict(found[0])
    for part in PARTS:
        shown[part] = [_plain(row) for row in await fetch(f"show_{part}")]
    targets = {step["operation_id"]: step["target"] for step in shown["steps"]}
    for event in shown["step_events"]:
        event["target"] = targets.get(event["operation_id"], "")
    number = (await load_numbers_with_steps(session, [phone_number]))[phone_number]
    holders = [number.holder] if number.holder else []
    upcoming = (await load_upcoming(session, holders, now)).values()
    shown["upcoming"] = [change._asdict() for changes in upcoming for change in changes]
    shown["waiting"] = [waiting_of(number, now)] if number.ongoing else []
    shown["pause"] = await read_pause(session)
    shown["timeline"] = [entry._asdict() for entry in timeline(shown)]
    return with_commands_waiting(shown, None)


def with_commands_waiting(shown: Shown, messages: int | None) -> Shown:
    """The number, and why it is as it is while so many commands wait; None: it is not known."""
    known = {**shown, "commands_waiting": messages}
    return {**known, "why": verdict(known)._asdict()}


def _plain(row: Row) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name not in {"place", "body"}}
    return shown if "body" not in row else {**shown, "target": target_of(row["body"])}


def _record_key(phone_number: str) -> str:
    return record_key(RecordId(RecordKind.PHONE_NUMBER, (phone_number,)))


async def read_missing(session: Session, phone_number: str) -> Shown:
    """What is known of a number that is not provisioned: its deletion, and what waits for it."""
    deleted = await session.fetch(
        "show_deleted_number", phone_number=phone_number, record_key=_record_key(phone_number)
    )
    return {
        "phone_number": phone_number,
        "deleted": dict(deleted[0]) if deleted else None,
        "waiting_records": await _read_waiting_records(session, phone_number),
    }


async def _read_waiting_records(session: Session, phone_number: str) -> Sequence[Shown]:
    rows = await session.fetch(
        "show_waiting_records", phone_number=phone_number, maximum=ROWS_MAXIMUM
    )
    return [dict(row) for row in rows]


async def read_operations(
    session: Session, clock: Clock, *, maximum: int | None = None
) -> Sequence[Shown]:
    """The operations under way and the aftermaths, oldest first, each with what happens next."""
    found = await session.fetch("show_pending", maximum=maximum)
    return await with_what_they_wait_for(session, clock, [row["phone_number"] for row in found])


async def with_what_they_wait_for(
    session: Session, clock: Clock, phone_numbers: Sequence[str]
) -> Sequence[Shown]:
    """These numbers, each with what its operation waits for."""
    numbers = await load_numbers_with_steps(session, phone_numbers)
    now = clock()
    return [waiting_of(numbers[phone_number], now) for phone_number in phone_numbers]


class Overview(NamedTuple):
    """What an operator looks at first; None in place of what could not be read in time."""

    figures: DatabaseFigures | None
    pause: Shown | None
    troubled: Sequence[Shown] | None
    """Operations that are late or need an operator."""
    refused: Sequence[Shown] | None
    """Commands of the last hour that were refused or have failed."""
    reasons: Sequence[Shown] | None
    """Dead letters of the last week by reason."""
    stored_letters: RefusedDeadLetters | None
    """Those that the dead-letter queue refuses, and why."""
    headroom: Sequence[Shown] | None
    acts: Sequence[Shown] | None


async def read_overview(database: Database) -> Overview:
    """The overview; each part in a short transaction of its own."""
    clock = database.clock.now
    return Overview(
        figures=await measure(database),
        pause=await _part(database, read_pause),
        troubled=await _part(database, partial(_read_troubled, clock)),
        refused=await _part(database, partial(_read_since, "show_refused", clock, RECENTLY)),
        reasons=await _part(database, partial(_read_since, "show_reasons", clock, LAST_WEEK)),
        stored_letters=await _part(database, find_refused),
        headroom=await _part(database, partial(_read_headroom, clock)),
        acts=await _part(database, _read_acts),
    )


async def _part(database: Database, read: Work[Result]) -> Result | None:
    try:
        async with database.transaction(LOOKING) as session:
            return await read(session)
    except DATABASE_FAILURES:
        return None


async def read_pause(session: Session) -> Shown | None:
    """The pause of the intake; None while commands are taken."""
    pause = (await load_partitions(session)).pause
    return pause._asdict() if pause else None


async def _read_troubled(clock: Clock, session: Session) -> Sequence[Shown]:
    found = await session.fetch("show_troubled", now=clock(), maximum=LISTED)
    return await with_what_they_wait_for(session, clock, [row["phone_number"] for row in found])


async def _read_since(
    query: str, clock: Clock, before: timedelta, session: Session
) -> Sequence[Shown]:
    rows = await session.fetch(query, since=clock() - before, maximum=LISTED)
    return [dict(row) for row in rows]


async def _read_headroom(clock: Clock, session: Session) -> Sequence[Shown]:
    now = clock()
    rows = await session.fetch("show_headroom", today=now.date(), maximum=LISTED)
    holders = {Holder(row["account_id"], row["site_id"]): row for row in rows}
    upcoming = await load_upcoming(session, holders, now)
    return [
        {**row, "upcoming": [change._asdict() for change in upcoming.get(holder, ())]}
        for holder, row in holders.items()
    ]


async def _read_acts(session: Session) -> Sequence[Shown]:
    return [dict(row) for row in await session.fetch("show_last_acts", maximum=LISTED)]
