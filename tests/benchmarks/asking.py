"""What a worker in this process asks of its database, noted by name."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

from worker.storage.session import Row, Session
from worker.storage.statements import Statement, statement

PART = re.compile(r"^(?:WITH )?(\w+) AS \($", re.MULTILINE)
"""How a statement begins that is joined to others."""
PARAMETER = re.compile(r"\$[0-9]+")
SHOWN_CHARACTERS = 200
"""Enough to tell statements from each other, and less than any server cuts."""

Asked = dict[str, str]
"""SQL by its name; of several statements that are sent as one, their names joined by ` + `."""


@contextmanager
def noted() -> Iterator[Asked]:
    """Notes every statement that any session runs by name until the end."""
    found: Asked = {}
    fetch, change = Session.fetch, Session.change

    async def noted_fetch(
        self: Session, asked: str | Statement, /, **parameters: object
    ) -> Sequence[Row]:
        _note(found, asked)
        return await fetch(self, asked, **parameters)

    async def noted_change(self: Session, asked: str | Statement, /, **parameters: object) -> int:
        _note(found, asked)
        return await change(self, asked, **parameters)

    setattr(Session, "fetch", noted_fetch)  # noqa: B010 -- an assignment would not type-check
    setattr(Session, "change", noted_change)  # noqa: B010
    try:
        yield found
    finally:
        setattr(Session, "fetch", fetch)  # noqa: B010
        setattr(Session, "change", change)  # noqa: B010


def name_of(asked: Statement) -> str:
    """The names of the files that a statement was made of."""
    # Names of common table expressions inside a file are none of a file.
    named = [name for name in PART.findall(asked.sql) if name in _texts()]
    text = _without_numbers(asked.sql)
    (last, *_) = sorted(
        (name for name, of_name in _texts().items() if text.endswith(of_name)),
        key=lambda name: -len(_texts()[name]),
    )
    return " + ".join([*named, last])


def recognised(query: str) -> str:
    """The name of the statement that a server shows, be it cut; its beginning where it has none."""
    shown = query[:SHOWN_CHARACTERS]
    found = (name for name in _texts() if statement(name).sql.startswith(shown))
    return next(found, shown.split("\n", maxsplit=1)[0])


def _note(found: Asked, asked: str | Statement) -> None:
    if isinstance(asked, str):
        found[asked] = statement(asked).sql
    else:
        found[name_of(asked)] = asked.sql


@cache
def _texts() -> dict[str, str]:
    """Every statement by its name; the numbers of its parameters depend on what it is joined to."""
    folder = files("worker.storage") / "sql"
    names = [item.name.removesuffix(".sql") for item in folder.iterdir()]
    return {name: _without_numbers(statement(name).sql) for name in names}


def _without_numbers(sql: str) -> str:
    return PARAMETER.sub("$", sql)
