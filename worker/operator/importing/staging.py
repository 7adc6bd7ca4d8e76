"""Stages the records of a file, beside those that are held."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from worker.operator.importing.jsonl import PROBLEMS_SHOWN, ImportRefused, Numbered, Problems
from worker.storage.connecting.engine import Database
from worker.storage.connecting.session import Session
from worker.storage.directory.staging import StagedRow, stage, staging_session, tidy

__all__ = ["staged"]


@asynccontextmanager
async def staged(
    database: Database, chunks: Iterable[Sequence[Numbered]]
) -> AsyncIterator[Session]:
    """A session in which the records of a file are staged, each once; no transaction is open.

    Raises `ImportRefused` if lines are invalid, or contradict each other.
    """
    async with staging_session(database) as session:
        for chunk in chunks:
            await stage(session, [_row(item) for item in chunk])
        await _refuse_contradictions(session)
        yield session


async def _refuse_contradictions(session: Session) -> None:
    problems = Problems()
    contradictions = await tidy(session, PROBLEMS_SHOWN)
    for row in contradictions.first:
        problems.add(row["line"], row["problem"])
    problems.count = contradictions.total
    if problems.count:
        raise ImportRefused(problems)


def _row(item: Numbered) -> StagedRow:
    record = item.record
    # A status that is left out is not compared.
    is_open = getattr(record, "status", "") is None
    return StagedRow(
        record.kind,
        item.line,
        " ".join(getattr(record, name) for name in sorted(record.KEY, key=_number_first)),
        getattr(record, "phone_number", None),
        getattr(record, "account_id", None),
        getattr(record, "site_id", None),
        record.model_dump_json(exclude={"kind", "status"} if is_open else {"kind"}),
    )


def _number_first(field: str) -> bool:
    return field != "phone_number"
