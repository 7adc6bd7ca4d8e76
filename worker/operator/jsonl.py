"""Parses JSON Lines into records, and finds every error that the file alone shows."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from pydantic import ValidationError

from worker.operator.records import (
    RECORD,
    CallSettingsRecord,
    HandsetLoginRecord,
    HuntGroupMemberRecord,
    PhoneNumberRecord,
    Record,
    VoiceServiceRecord,
)
from worker.operator.validation_errors import explain

__all__ = ["KEYS", "ImportRefused", "Numbered", "Problem", "read_records"]

PROBLEMS_SHOWN: Final = 20
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

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
        shown = [f"line {line}: {description}" for line, description in ordered[:PROBLEMS_SHOWN]]
        if len(ordered) > PROBLEMS_SHOWN:
            shown.append(f"and {len(ordered) - PROBLEMS_SHOWN} more errors")
        super().__init__("\n".join(shown))


def read_records(lines: Iterable[bytes | str]) -> Mapping[type[Record], list[Numbered]]:
    """The records by kind, each once and in key order. Empty lines are ignored.

    Raises `ImportRefused` with every line that is invalid or contradicts an earlier line.
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
    # In key order, like every other writer of these rows: other orders could deadlock.
    return {kind: [of_kind[key] for key in sorted(of_kind)] for kind, of_kind in found.items()}


def _parsed(lines: Iterable[bytes | str], problems: list[Problem]) -> Iterator[Numbered]:
    for number, line in enumerate(lines, start=1):
        content = line.encode() if isinstance(line, str) else line
        content = content.removeprefix(BYTE_ORDER_MARK).strip()
        if not content:
            continue
        try:
            yield Numbered(number, RECORD.validate_json(content))
        except ValidationError as error:
            problems.append(Problem(number, _explain(error)))


def _explain(error: ValidationError) -> str:
    parts = []
    # Without the input: it may be a secret in the wrong field.
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        # Without the first part, which is the record's kind.
        field = ".".join(str(part) for part in problem["loc"][1:])
        description = explain(problem)
        parts.append(f"{field}: {description}" if field else description)
    return "; ".join(parts)
