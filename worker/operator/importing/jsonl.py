"""Parses JSON Lines into records, and finds every error that the file alone shows."""

from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, Final, NamedTuple

from pydantic import ValidationError

from contracts.reading import ReadErrorCode, UnreadableError, parse_json
from worker.operator.importing.records import (
    RECORD,
    CallSettingsRecord,
    HandsetLoginRecord,
    HuntGroupMemberRecord,
    PhoneNumberRecord,
    Record,
    VoiceServiceRecord,
)
from worker.operator.validation_errors import explain
from worker.runtime.printable import printable

__all__ = ["KEYS", "ImportRefused", "Numbered", "Problem", "lines_of", "read_records"]

PROBLEMS_SHOWN: Final = 20
LINE_MAXIMUM_BYTES: Final = 65_536
"""A record has a few hundred bytes: a longer line is no record, and may not end at all."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")

KEYS: Final[Mapping[type[Record], tuple[str, ...]]] = {
    VoiceServiceRecord: ("service_id",),
    PhoneNumberRecord: ("phone_number",),
    CallSettingsRecord: ("phone_number",),
    HuntGroupMemberRecord: ("phone_number", "hunt_group_id"),
    HandsetLoginRecord: ("phone_number", "device_id"),
}
"""The fields that identify a record of each kind, in the order in which kinds are stored."""


class Problem(NamedTuple):
    """An error in a line."""

    line: int
    description: str


class Numbered(NamedTuple):
    """A record and its line number."""

    line: int
    record: Record

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the record within its kind."""
        return tuple(getattr(self.record, name) for name in KEYS[type(self.record)])


class ImportRefused(Exception):
    """Some lines are wrong, so nothing was stored; the text lists the first of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        ordered = sorted(problems)
        shown = [
            f"line {line}: {printable(description)}"
            for line, description in ordered[:PROBLEMS_SHOWN]
        ]
        if len(ordered) > PROBLEMS_SHOWN:
            shown.append(f"and {len(ordered) - PROBLEMS_SHOWN} more errors")
        super().__init__("\n".join(shown))


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file. Of a line that is too long, only the beginning: enough to refuse it."""
    while line := file.readline(LINE_MAXIMUM_BYTES + 1):
        yield line
        while len(line) > LINE_MAXIMUM_BYTES and not line.endswith(b"\n"):
            line = file.readline(LINE_MAXIMUM_BYTES + 1)


def read_records(lines: Iterable[bytes | str]) -> Mapping[type[Record], list[Numbered]]:
    """The records by kind, each once and in key order. Empty lines are ignored.

    Raises `ImportRefused` with every line that is invalid or contradicts an earlier line, and if
    there is no record.
    """
    problems: list[Problem] = []
    found: dict[type[Record], dict[tuple[str, ...], Numbered]] = {kind: {} for kind in KEYS}
    for item in _parsed(lines, problems):
        earlier = found[type(item.record)].setdefault(item.key, item)
        if earlier.record != item.record:
            description = (
                f"contradicts line {earlier.line} about the same {item.record.kind}: keep one"
            )
            problems.append(Problem(item.line, description))
    if problems:
        raise ImportRefused(problems)
    if not any(found.values()):
        raise ImportRefused([Problem(1, "there is no record: the file is empty")])
    # In key order, like every other writer of these rows: other orders could deadlock.
    return {kind: [of_kind[key] for key in sorted(of_kind)] for kind, of_kind in found.items()}


def _parsed(lines: Iterable[bytes | str], problems: list[Problem]) -> Iterator[Numbered]:
    for number, line in enumerate(lines, start=1):
        content = line.encode() if isinstance(line, str) else line
        if number == 1 and content.startswith(UTF_16_MARKS):
            # Each other line would only repeat it.
            problems.append(Problem(1, "it is UTF-16: save the file as UTF-8"))
            return
        content = content.removeprefix(BYTE_ORDER_MARK).strip()
        if not content:
            continue
        try:
            yield Numbered(number, _record_in(content))
        except UnreadableError as error:
            problems.append(Problem(number, _remedy(content, error)))
        except ValidationError as error:
            problems.append(Problem(number, _explain(error)))


def _record_in(content: bytes) -> Record:
    if len(content) > LINE_MAXIMUM_BYTES:
        detail = f"it has more than {LINE_MAXIMUM_BYTES:,} bytes: write one record on each line"
        raise UnreadableError(ReadErrorCode.BODY_TOO_LARGE, detail)
    # Only this parser finds a key that occurs twice; the other one would take the last.
    parse_json(content)
    return RECORD.validate_json(content)


def _remedy(content: bytes, error: UnreadableError) -> str:
    if error.code is ReadErrorCode.NOT_UTF8:
        return f"{error.detail.removesuffix(': send UTF-8')}; save the file as UTF-8"
    if error.code is ReadErrorCode.NOT_JSON and b"\r" in content:
        return f"{error.detail}; it holds carriage returns: end lines with a line feed"
    return error.detail


def _explain(error: ValidationError) -> str:
    parts = []
    # Without the input: it may be a secret in the wrong field.
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        # Without the first part, which is the record's kind.
        field = ".".join(str(part) for part in problem["loc"][1:])
        description = explain(problem)
        parts.append(f"{field}: {description}" if field else description)
    return "; ".join(parts)
