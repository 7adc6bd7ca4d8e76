"""What a piece of work is given of the database: a transaction that runs the statements by name."""

from collections.abc import Sequence
from typing import Any

from worker.shell.database.statements import Statement, statement

__all__ = ["Driver", "Row", "Session"]

Driver = Any
"""A connection of asyncpg, which ships no types."""

Row = Any
"""A row as the driver gives it: by name like a mapping, in order like a tuple."""


class Session:
    """A connection that nobody else uses meanwhile.

    The driver is asked directly. SQLAlchemy keeps the pool, but between it and the driver each
    statement took 0.25 ms where the server needs 0.12, and a lone command waits for ten of them.
    """

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        """For SQL that is made as it is needed."""

    async def fetch(self, asked: str | Statement, /, **parameters: object) -> Sequence[Row]:
        """The rows that a statement finds or returns. KeyError where a parameter is missing."""
        sql, names = statement(asked) if isinstance(asked, str) else asked
        rows: Sequence[Row] = await self.driver.fetch(sql, *[parameters[name] for name in names])
        return rows

    async def change(self, asked: str | Statement, /, **parameters: object) -> int:
        """Runs a statement; how many rows it changed."""
        sql, names = statement(asked) if isinstance(asked, str) else asked
        done: str = await self.driver.execute(sql, *[parameters[name] for name in names])
        return int(done.rpartition(" ")[2])
