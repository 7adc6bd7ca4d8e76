"""From lines to records: what one look at the file alone can tell."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from pydantic import ValidationError

from worker.operator.error_words import explain
from worker.operator.records import (
    RECORD,
    CallSettingsRecord,
    HandsetLoginRecord,
    HuntGroupMemberRecord,
    PhoneNumberRecord,
    Record,
    VoiceServiceRecord,
)

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
"""What makes two records speak of the same thing; also the order in which kinds are stored."""


class Problem(NamedTuple):
    """What is wrong with a line."""

    line: int
    what: str


class Numbered(NamedTuple):
    """A record and the line that it came from."""

    line: int
    record: Record

    @property
    def key(self) -> tuple[str, ...]:
        """What the record speaks of, within its kind."""
        return tuple(getattr(self.record, name) for name in KEYS[type(self.record)])


class ImportRefused(Exception):
    """Some lines are wrong, so nothing was stored; the text names the first of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        ordered = sorted(problems)
        shown = [f"line {line}: {what}" for line, what in ordered[:PROBLEMS_SHOWN]]
        if len(ordered) > PROBLEMS_SHOWN:
            shown.append(f"and {len(ordered) - PROBLEMS_SHOWN} more")
        super().__init__("\n".join(shown))


def read_records(lines: Iterable[bytes | str]) -> Mapping[type[Record], list[Numbered]]:
    """The records by kind, each once and in key order. Empty lines are passed over.

    Raises `ImportRefused` with every line that is wrong in itself or contradicts another.
    """
    problems: list[Problem] = []
    found: dict[type[Record], dict[tuple[str, ...], Numbered]] = {kind: {} for kind in KEYS}
    for item in _parsed(lines, problems):
        earlier = found[type(item.record)].setdefault(item.key, item)
        if earlier.record != item.record:
            what = f"says something else of the same {item.record.kind} than line {earlier.line}"
            problems.append(Problem(item.line, what))
    if problems:
        raise ImportRefused(problems)
    # In key order, like every other writer: opposite orders deadlock.
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
    # The input is left out: it may be a secret that somebody put into the wrong field.
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        # The first place is the record's kind, which the reader sees in the line.
        where = ".".join(str(part) for part in problem["loc"][1:])
        what = explain(problem)
        parts.append(f"{where}: {what}" if where else what)
    return "; ".join(parts)
