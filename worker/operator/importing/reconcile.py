"""Compares the records of a file with those that are held, and changes nothing."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from activation_contracts.records import RECORD_CLASSES, PhoneNumberRecord, RecordKind
from activation_contracts.values import NumberStatus

from worker.core.directory.moves import is_older_view
from worker.core.situation import Number
from worker.operator.importing.jsonl import read_chunks
from worker.operator.importing.staging import staged
from worker.runtime.printable import printable
from worker.storage.connecting.engine import open_database, transaction_in
from worker.storage.connecting.session import Row, Session
from worker.storage.deployment.preflight import require_known_schema, require_writable
from worker.storage.directory.staging import differences

__all__ = ["Difference", "DifferenceKind", "compare_lines", "render"]

ONE_MOMENT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;"


class DifferenceKind(StrEnum):
    """Where a record stands, or that it stands in both places with other values."""

    ONLY_IN_FILE = "only_in_file"
    DIFFERS = "differs"
    NEWER_HERE = "newer_here"
    """Only the status of a number differs, and the file has an older one: an import leaves it."""
    ONLY_HELD = "only_held"


class Difference(NamedTuple):
    """How one record of the file and the record that is held differ."""

    difference: DifferenceKind
    kind: str
    """The kind of the record."""
    key: str
    line: int | None
    """None if the file lacks the record."""
    fields: tuple[str, ...]
    """The names of the fields with other values."""
    left_alone: tuple[str, ...]
    """Those of them that an import would leave as they are held."""
    in_file: Mapping[str, object] | None
    held: Mapping[str, object] | None


async def compare_lines(
    database_url: str,
    lines: Iterable[bytes | str],
    *,
    complete: bool,
    show: Callable[[Difference], None],
) -> Mapping[str, int]:
    """Shows each difference, as of one moment, by kind and in the order of keys; counts them.

    With `complete`, the file is the whole truth for the sites that it names. Raises
    `ImportRefused` if the file could not be imported.
    """
    chunks = read_chunks(lines)
    counts: Counter[str] = Counter()
    async with open_database(database_url) as database:
        async with database.session() as session:
            await require_known_schema(session)
            # Temporary tables cannot be made on a standby.
            await require_writable(session)
        async with staged(database, chunks) as session, transaction_in(session, ONE_MOMENT):
            await _compare(session, complete=complete, counts=counts, show=show)
    return counts


async def _compare(
    session: Session,
    *,
    complete: bool,
    counts: Counter[str],
    show: Callable[[Difference], None],
) -> None:
    for kind in RECORD_CLASSES:
        async for rows in differences(session, kind, complete=complete):
            for row in rows:
                found = _difference(kind, row)
                counts[found.difference] += 1
                show(found)


def _difference(kind: str, row: Row) -> Difference:
    in_file, held = _record(row["in_file"]), _record(row["held"])
    fields: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    if in_file is None:
        difference = DifferenceKind.ONLY_HELD
    elif held is None:
        difference = DifferenceKind.ONLY_IN_FILE
    else:
        fields = tuple(name for name in sorted(in_file) if in_file[name] != held.get(name))
        left_alone = _left_alone(kind, fields, in_file, held)
        is_newer = fields == left_alone
        difference = DifferenceKind.NEWER_HERE if is_newer else DifferenceKind.DIFFERS
    return Difference(difference, kind, row["key"], row["line"], fields, left_alone, in_file, held)


def _left_alone(
    kind: str, fields: tuple[str, ...], in_file: Mapping[str, object], held: Mapping[str, Any]
) -> tuple[str, ...]:
    if kind != RecordKind.PHONE_NUMBER or "status" not in fields:
        return ()
    record = PhoneNumberRecord.model_validate(in_file)
    status = NumberStatus(held["status"])
    number = Number(record.phone_number, held["site_id"], held["account_id"], None, status)
    return ("status",) if is_older_view(number, record) else ()


def _record(text: str | None) -> Mapping[str, object] | None:
    if text is None:
        return None
    record: Mapping[str, object] = json.loads(text)
    return record


def render(difference: Difference) -> str:
    """One line for people."""
    record = f"{difference.kind} {difference.key}"
    if difference.in_file is None:
        return printable(f"only held: {record}")
    if difference.held is None:
        return printable(f"only in the file: {record} (line {difference.line})")
    values = "; ".join(
        f"{name} is {_shown(difference.in_file[name])} in the file,"
        f" {_shown(difference.held.get(name))} held{_remark(difference, name)}"
        for name in difference.fields
    )
    word = difference.difference.replace("_", " ")
    return printable(f"{word}: {record} (line {difference.line}): {values}")


def _remark(difference: Difference, name: str) -> str:
    return " and newer: an import leaves it" if name in difference.left_alone else ""


def _shown(value: object) -> str:
    return "empty" if value is None else json.dumps(value, ensure_ascii=False)
