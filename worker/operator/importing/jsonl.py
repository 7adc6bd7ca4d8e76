"""Parses JSON Lines into records, and finds every error that a line alone shows."""

from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import BinaryIO, Final, NamedTuple

from activation_contracts.reading import ReadErrorCode, UnreadableError, parse_json
from pydantic import ValidationError

from worker.operator.importing.records import LINE, Line
from worker.operator.validation_errors import explain
from worker.runtime.printable import printable

__all__ = [
    "PROBLEMS_SHOWN",
    "WHOLE_FILE",
    "ImportRefused",
    "Numbered",
    "Problem",
    "Problems",
    "lines_of",
    "read_chunks",
]

CHUNK_RECORDS: Final = 5_000
PROBLEMS_SHOWN: Final = 20
WHOLE_FILE: Final = 0
LINE_MAXIMUM_BYTES: Final = 65_536
"""A record has a few hundred bytes: a longer line is no record, and may not end at all."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class Problem(NamedTuple):
    """An error in a line."""

    line: int
    """`WHOLE_FILE` if no line is wrong."""
    description: str

    @property
    def shown(self) -> str:
        """For people."""
        return f"line {self.line}: {self.description}" if self.line else self.description


class Numbered(NamedTuple):
    """A record and its line number."""

    line: int
    record: Line


class Problems:
    """Counts the errors of a file, and keeps the first of them: a file may have a million."""

    def __init__(self) -> None:
        self.first: list[Problem] = []
        """In the order of lines."""
        self.count = 0

    def add(self, line: int, description: str) -> None:
        """Counts an error."""
        insort(self.first, Problem(line, description))
        del self.first[PROBLEMS_SHOWN:]
        self.count += 1


class ImportRefused(Exception):
    """Some lines are wrong, so nothing was stored; the text lists the first of them."""

    def __init__(self, problems: Problems) -> None:
        shown = [printable(problem.shown) for problem in problems.first]
        if problems.count > len(problems.first):
            shown.append(f"and {problems.count - len(problems.first)} more errors")
        super().__init__("\n".join(shown))

    @classmethod
    def of(cls, line: int, description: str) -> "ImportRefused":
        """Refused for this error alone."""
        problems = Problems()
        problems.add(line, description)
        return cls(problems)


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file. Of a line that is too long, only the beginning: enough to refuse it."""
    while line := file.readline(LINE_MAXIMUM_BYTES + 1):
        yield line
        while len(line) > LINE_MAXIMUM_BYTES and not line.endswith(b"\n"):
            line = file.readline(LINE_MAXIMUM_BYTES + 1)


def read_chunks(lines: Iterable[bytes | str]) -> Iterator[Sequence[Numbered]]:
    """The records in chunks. Empty lines are ignored.

    Raises `ImportRefused` at the end of the lines if some of them are invalid, or if there is no
    record. The first chunk is read at once: the errors of a short file are found without a server.
    """
    chunks = _chunks(lines)
    return chain([next(chunks)], chunks)


def _chunks(lines: Iterable[bytes | str]) -> Iterator[Sequence[Numbered]]:
    problems = Problems()
    records = _parsed(lines, problems)
    is_empty = True
    while chunk := list(islice(records, CHUNK_RECORDS)):
        is_empty = False
        # The rest is only read for its errors.
        if not problems.count:
            yield chunk
    if problems.count:
        raise ImportRefused(problems)
    if is_empty:
        raise ImportRefused.of(1, "there is no record: the file is empty")


def _parsed(lines: Iterable[bytes | str], problems: Problems) -> Iterator[Numbered]:
    for number, line in enumerate(lines, start=1):
        content = line.encode() if isinstance(line, str) else line
        if number == 1 and content.startswith(UTF_16_MARKS):
            # Each other line would only repeat it.
            problems.add(1, "it is UTF-16: save the file as UTF-8")
            return
        content = content.removeprefix(BYTE_ORDER_MARK).strip()
        if not content:
            continue
        try:
            yield Numbered(number, _record_in(content))
        except UnreadableError as error:
            problems.add(number, _remedy(content, error))
        except ValidationError as error:
            problems.add(number, _explain(error))


def _record_in(content: bytes) -> Line:
    if len(content) > LINE_MAXIMUM_BYTES:
        detail = f"it has more than {LINE_MAXIMUM_BYTES:,} bytes: write one record on each line"
        raise UnreadableError(ReadErrorCode.BODY_TOO_LARGE, detail)
    # Only this parser finds a key that occurs twice; the other one would take the last.
    parse_json(content)
    return LINE.validate_json(content)


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
