"""The SQL lives in files of its own, where it can be read as SQL; here it is loaded by name."""

import re
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

__all__ = ["Statement", "statement", "together"]

_PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z_]+)")


class Statement(NamedTuple):
    """SQL as the driver takes it, with numbers where the file has names."""

    sql: str
    parameters: tuple[str, ...]
    """The names, in the order of their numbers."""


@cache
def statement(name: str) -> Statement:
    """The statement in `sql/<name>.sql`."""
    return _numbered(_read(name))


@cache
def together(*names: str) -> Statement:
    """These statements as one, so that all of them cost one way to the server and back.

    Each but the last changes rows and returns none that are needed. They see the database as it
    was before any of them, and no two may change the same row.
    """
    *others, last = names
    parts = ",\n".join(f"{name} AS (\n{_read(name)}\n)" for name in others)
    return _numbered(f"WITH {parts}\n{_read(last)}")


def _read(name: str) -> str:
    return (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8").rstrip()


def _numbered(sql: str) -> Statement:
    numbers: dict[str, int] = {}
    numbered = _PARAMETER.sub(
        lambda found: f"${numbers.setdefault(found[1], len(numbers) + 1)}", sql
    )
    return Statement(numbered, tuple(numbers))
