"""What a worker in this process asks of its database, noted by name."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from worker.storage.queries import query
from worker.storage.session import Row, Session

NAME = re.compile(r"-- name: (\w+)\n")

Asked = dict[str, str]
"""SQL by its name."""


@contextmanager
def noted() -> Iterator[Asked]:
    """Notes every statement that any session runs by name until the end."""
    found: Asked = {}
    fetch, change = Session.fetch, Session.change

    async def noted_fetch(self: Session, asked: str, /, **parameters: object) -> Sequence[Row]:
        _note(found, asked)
        return await fetch(self, asked, **parameters)

    async def noted_change(self: Session, asked: str, /, **parameters: object) -> int:
        _note(found, asked)
        return await change(self, asked, **parameters)

    setattr(Session, "fetch", noted_fetch)  # noqa: B010 -- an assignment would not type-check
    setattr(Session, "change", noted_change)  # noqa: B010
    try:
        yield found
    finally:
        setattr(Session, "fetch", fetch)  # noqa: B010
        setattr(Session, "change", change)  # noqa: B010


def recognised(sql: str) -> str:
    """The name of a query, even if the server has cut it; the first line of any other SQL."""
    named = NAME.match(sql)
    return named[1] if named else sql.split("\n", maxsplit=1)[0]


def _note(found: Asked, name: str) -> None:
    found[name] = query(name).sql
