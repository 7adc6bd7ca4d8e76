"""Stages the records of a file in a session of their own, and compares them with what is held."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from worker.storage.connecting.engine import Database
from worker.storage.connecting.session import Row, Session
from worker.storage.queries import query

__all__ = ["StagedRow", "differences", "stage", "staging_session", "tidy"]

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


async def tidy(session: Session) -> Sequence[Row]:
    """Keeps each record once; call it after the last record was staged.

    Returns the lines that contradict an earlier line (`line`, `problem`).
    """
    # Without statistics the planner assumes that the table is small.
    await session.driver.execute("ANALYZE staged_records", timeout=session.statement_seconds)
    contradictions = await session.fetch("stage_contradictions")
    await session.change("stage_once")
    return contradictions


async def differences(
    session: Session, kind: str, *, complete: bool
) -> AsyncIterator[Sequence[Row]]:
    """How the records of this kind differ from those that are held now, in chunks.

    Each row has a `key`, the `line`, the record `in_file` and the one `held` as JSON objects, and
    the `total` of all differences of this kind. With `complete`, the file is the whole truth for
    the sites that it names: what it lacks differs too. Call it in a transaction.
    """
    cursor = await session.cursor("stage_differences", kind=kind, complete=complete)
    while rows := await cursor.fetch(CHUNK_RECORDS, timeout=session.statement_seconds):
        yield rows
