"""Records the SQL statements that a worker in this process sends, by query name."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from worker.storage.connecting.session import Row, Session
from worker.storage.queries import query

NAME = re.compile(r"-- name: (\w+)\n")

Statements = dict[str, str]
"""SQL by query name."""


@contextmanager
def recorded_statements() -> Iterator[Statements]:
    """Records every named query that any session runs inside the block."""
    found: Statements = {}
    fetch, change = Session.fetch, Session.change

    async def recording_fetch(self: Session, name: str, /, **parameters: object) -> Sequence[Row]:
        found[name] = query(name).sql
        return await fetch(self, name, **parameters)

    async def recording_change(self: Session, name: str, /, **parameters: object) -> int:
        found[name] = query(name).sql
        return await change(self, name, **parameters)

    setattr(Session, "fetch", recording_fetch)  # noqa: B010 -- an assignment would not type-check
    setattr(Session, "change", recording_change)  # noqa: B010
    try:
        yield found
    finally:
        setattr(Session, "fetch", fetch)  # noqa: B010
        setattr(Session, "change", change)  # noqa: B010


def query_name(sql: str) -> str:
    """The name of a named query, even if the server truncated its text; else the first line."""
    named = NAME.match(sql)
    return named[1] if named else sql.split("\n", maxsplit=1)[0]
