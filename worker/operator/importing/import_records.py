"""The import: validates many records as a whole, and stores all of them or none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from worker.operator.importing.jsonl import ImportRefused, Numbered, Problems, read_chunks
from worker.operator.importing.progress import SILENT, Progress
from worker.operator.importing.records import RECORDS
from worker.operator.importing.staging import staged
from worker.storage.connecting.engine import open_database, transaction_in
from worker.storage.connecting.session import Session
from worker.storage.deployment.preflight import require_fit
from worker.storage.locks import IMPORT
from worker.storage.queries import query

__all__ = ["ImportBusy", "ImportRefused", "import_chunks", "import_lines"]


class ImportBusy(Exception):
    """Another import is under way; nothing was changed."""


async def import_lines(
    database_url: str, lines: Iterable[bytes | str], *, progress: Progress = SILENT
) -> Mapping[str, int]:
    """Stores the records of JSON Lines, in any order; returns the number of each kind.

    All or nothing, in one transaction, which begins after the last line was read; unchanged rows
    are not written. Raises `ImportRefused`, `ImportBusy`, and `NotReady` if the schema is of
    another version: its functions could take locks in another order.
    """
    return await import_chunks(database_url, read_chunks(lines), progress=progress)


async def import_chunks(
    database_url: str, chunks: Iterator[Sequence[Numbered]], *, progress: Progress = SILENT
) -> Mapping[str, int]:
    """Like `import_lines`, for records that `read_chunks` reads."""
    async with open_database(database_url) as database:
        async with database.session() as session:
            await require_fit(session)
        async with staged(database, chunks) as session:
            async with transaction_in(session):
                await _lock_out_other_imports(session)
                await session.driver.execute(query("import_stage").sql)
                await _lock_rows(session)
                await _refuse_conflicts(session)
                await _store(session, progress)
            counts = await session.fetch("stage_counts")
    return {row["kind"]: row["records"] for row in counts}


async def _lock_out_other_imports(session: Session) -> None:
    (locked,) = await session.fetch("import_alone", lock=IMPORT)
    if not locked[0]:
        raise ImportBusy("Another import is under way. Start this one again when it has ended.")


async def _lock_rows(session: Session) -> None:
    # Numbers before accounts, in the worker's order. Without these locks a command could set a
    # number to PENDING after the check, and the import would end its operation silently.
    for name in ("import_lock_numbers", "import_open_usage", "import_lock_usage"):
        await session.fetch(name)


async def _refuse_conflicts(session: Session) -> None:
    problems = Problems()
    for row in await session.fetch("import_problems"):
        problems.add(row["line"], row["problem"])
    if problems.count:
        raise ImportRefused(problems)


async def _store(session: Session, progress: Progress) -> None:
    for name in (
        "import_end_operations",
        "import_release_main_numbers",
        "import_forget_call_settings",
    ):
        await session.fetch(name)
    with progress.phase("Storing", len(RECORDS)) as advance:
        for kind in RECORDS:
            await session.change(f"import_{kind}")
            advance(1)
