"""Stages the records of a file in a session of their own, and compares them with what is held."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from worker.storage.connecting.engine import Database
from worker.storage.connecting.session import Row, Session
from worker.storage.locks import DIRECTORY, IMPORT
from worker.storage.queries import query

__all__ = [
    "Contradictions",
    "StagedRow",
    "changes",
    "count_staged",
    "deletions",
    "differences",
    "enter_alone",
    "lock_differences",
    "names_a_site",
    "partitions_kept",
    "stage",
    "staging_session",
    "tidy",
]

STATEMENT_SECONDS: Final = 3600
"""Statements on a million records take minutes on a slow disk. A server that has gone silent ends
an import after this time at the latest; it holds no lock while it reads the file."""
CHUNK_RECORDS: Final = 5_000
SETTINGS: Final = """
SET statement_timeout = 0; SET idle_session_timeout = 0;
SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '60s'; SET work_mem = '64MB';
SET plan_cache_mode = force_custom_plan; SET enable_seqscan = on; SET enable_mergejoin = on;
SET enable_hashjoin = on;
"""
"""The program that writes the file may be slow, and these statements read whole tables: plans for
a batch of few rows do not suit them."""


class Contradictions(NamedTuple):
    """The lines that contradict an earlier line."""

    first: Sequence[Row]
    """Some of them, in the order of lines: `line` and `problem`."""
    total: int
    """How many there are."""


class StagedRow(NamedTuple):
    """A record of the file; the fields are the columns of the table."""

    kind: str
    line: int
    key: str
    phone_number: str | None
    account_id: str | None
    site_id: str | None
    record: str
    """All fields, as a JSON object."""


@asynccontextmanager
async def staging_session(database: Database) -> AsyncIterator[Session]:
    """A session with empty staging tables, which end with it; no transaction is open."""
    async with database.own_session(STATEMENT_SECONDS) as session:
        await session.driver.execute(SETTINGS)
        await session.driver.execute(query("stage").sql)
        yield session


async def stage(session: Session, rows: Collection[StagedRow]) -> None:
    """Adds these records."""
    await session.driver.copy_records_to_table(
        "staged_records",
        columns=StagedRow._fields,
        records=rows,
        timeout=session.statement_seconds,
    )


async def tidy(session: Session, maximum: int) -> Contradictions:
    """Keeps each record once; call it after the last record was staged.

    Returns the lines that contradict an earlier line, the first `maximum` of them.
    """
    await _analyze(session, "staged_records")
    rows = await session.fetch("stage_contradictions", maximum=maximum)
    await session.change("stage_once")
    return Contradictions(rows, rows[0]["total"] if rows else 0)


async def differences(
    session: Session, kind: str, *, complete: bool
) -> AsyncIterator[Sequence[Row]]:
    """How the records of this kind differ from those that are held now, in chunks.

    Each row has a `key`, the `line`, and the record `in_file` and the one `held` as JSON objects.
    With `complete`, the file is the whole truth for the sites that it names: what it lacks differs
    too. Call it in a transaction.
    """
    async for rows in _chunks(session, "stage_differences", kind=kind, complete=complete):
        yield rows


async def enter_alone(session: Session) -> bool:
    """Keeps other writers of records out until the transaction ends.

    It waits for directory messages; False if another import is under way.
    """
    (locked,) = await session.fetch("import_alone", lock=IMPORT)
    if locked[0]:
        await session.fetch("import_leave_out_writers", lock=DIRECTORY)
    return bool(locked[0])


async def lock_differences(session: Session, *, complete: bool) -> None:
    """Locks the numbers that differ, and then their accounts, until the transaction ends."""
    await session.change("import_touch_numbers", complete=complete)
    await _analyze(session, "touched_numbers")
    await session.fetch("import_lock_numbers")
    await session.change("import_touch_holders", complete=complete)
    await session.change("import_open_usages")
    await session.fetch("import_lock_usages")


async def partitions_kept(session: Session) -> int:
    """The number of partitions, which cannot change before the transaction ends."""
    (row,) = await session.fetch("import_partitions")
    return int(row["partitions"])


def changes(session: Session, kind: str) -> AsyncIterator[Sequence[Row]]:
    """Like `differences`, of the numbers that are locked: what is not held, or held differently.

    Each row has the `total` of all of this kind, too.
    """
    return _chunks(session, "import_changes", kind=kind)


def deletions(session: Session, kind: str) -> AsyncIterator[Sequence[Row]]:
    """Like `changes`: what is held at the sites that the file names, and missing in it."""
    return _chunks(session, "import_deletions", kind=kind)


async def count_staged(session: Session) -> Mapping[str, int]:
    """The number of staged records of each kind."""
    return {row["kind"]: row["records"] for row in await session.fetch("stage_counts")}


async def names_a_site(session: Session) -> bool:
    """Whether the file has a service or a number."""
    (row,) = await session.fetch("stage_names_a_site")
    return bool(row[0])


async def _chunks(
    session: Session, name: str, /, **parameters: object
) -> AsyncIterator[Sequence[Row]]:
    cursor = await session.cursor(name, **parameters)
    while rows := await cursor.fetch(CHUNK_RECORDS, timeout=session.statement_seconds):
        yield rows


async def _analyze(session: Session, table: str) -> None:
    # Without statistics the planner assumes that the table is small.
    await session.driver.execute(f"ANALYZE {table}", timeout=session.statement_seconds)
