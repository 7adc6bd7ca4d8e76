"""The import: validates many records as a whole, and stores all of them or none."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, get_args

from worker.operator.importing.jsonl import ImportRefused, Numbered, Problem, read_records
from worker.operator.importing.records import Record
from worker.storage.connecting.engine import READING_WHOLE_TABLES, open_database
from worker.storage.connecting.session import Session
from worker.storage.deployment.preflight import require_fit
from worker.storage.locks import IMPORT
from worker.storage.queries import query

__all__ = ["ImportBusy", "ImportRefused", "Records", "import_lines", "import_records"]

CHUNK_RECORDS: Final = 10_000
"""Small enough for each statement to stay far below the statement timeout."""

Records = Mapping[type[Record], Sequence[Numbered]]


class ImportBusy(Exception):
    """Another import is under way; nothing was changed."""


async def import_lines(database_url: str, lines: Iterable[bytes | str]) -> Mapping[str, int]:
    """Stores the records of JSON Lines, in any order; returns the number of each kind.

    All or nothing, in one transaction; unchanged rows are not written. Raises `ImportRefused`,
    `ImportBusy`, and `NotReady` if the schema is of another version: its functions could take
    locks in another order.
    """
    # Reads all lines first: the program that writes to our standard input may be slow, and the
    # transaction must not hold its locks while it waits.
    return await import_records(database_url, read_records(lines))


async def import_records(database_url: str, records: Records) -> Mapping[str, int]:
    """Like `import_lines`, for records that `read_records` has parsed."""
    async with (
        open_database(database_url) as database,
        database.transaction(READING_WHOLE_TABLES) as session,
    ):
        await require_fit(session)
        await _lock_out_other_imports(session)
        await _stage(session, records)
        await _lock_rows(session)
        await _refuse_conflicts(session)
        await _store(session, records)
    return {_kind(kind): len(of_kind) for kind, of_kind in records.items() if of_kind}


async def _lock_out_other_imports(session: Session) -> None:
    (locked,) = await session.fetch("import_alone", lock=IMPORT)
    if not locked[0]:
        raise ImportBusy("Another import is under way. Start this one again when it has ended.")


async def _stage(session: Session, records: Records) -> None:
    """Copies the records, with their line numbers, into temporary tables."""
    driver = session.driver
    await driver.execute(query("import_stage").sql)
    for kind, of_kind in records.items():
        names = [name for name in kind.model_fields if name != "kind"]
        await driver.copy_records_to_table(
            f"import_{_kind(kind)}",
            columns=["place", "line", *names],
            records=[
                (place, item.line, *(getattr(item.record, name) for name in names))
                for place, item in enumerate(of_kind)
            ],
        )
        # Without statistics the planner assumes that the new table is small.
        await driver.execute(f"ANALYZE import_{_kind(kind)}")


async def _lock_rows(session: Session) -> None:
    # Numbers before accounts, in the worker's order. Without these locks a command could set a
    # number to PENDING after the check, and the import would end its operation silently.
    for name in ("import_lock_numbers", "import_open_usage", "import_lock_usage"):
        await session.fetch(name)


async def _refuse_conflicts(session: Session) -> None:
    found = await session.fetch("import_problems")
    problems = [Problem(row["line"], row["problem"]) for row in found]
    if problems:
        raise ImportRefused(problems)


async def _store(session: Session, records: Records) -> None:
    for name in (
        "import_end_operations",
        "import_release_main_numbers",
        "import_forget_call_settings",
    ):
        await session.fetch(name)
    for kind, of_kind in records.items():
        for first in range(0, len(of_kind), CHUNK_RECORDS):
            await session.change(f"import_{_kind(kind)}", first=first, end=first + CHUNK_RECORDS)


def _kind(kind: type[Record]) -> str:
    """The word for a kind of record; tables and queries are named after it."""
    return str(get_args(kind.model_fields["kind"].annotation)[0])
