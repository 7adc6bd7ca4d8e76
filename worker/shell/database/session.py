"""What a piece of work is given of the database: a transaction that runs queries by name."""

from collections.abc import Sequence
from typing import Any, Final

from worker.storage.queries import Query, query

__all__ = ["Driver", "Row", "Session"]

Driver = Any
"""A connection of asyncpg, which ships no types."""

Row = Any
"""A row as the driver gives it: by name like a mapping, in order like a tuple."""

NEEDS_PARAMETERS: Final = "a transaction with a fence is begun by a statement with parameters"


class Session:
    """A connection that nobody else uses meanwhile.

    The driver is asked directly. SQLAlchemy keeps the pool, but between it and the driver each
    statement took 0.25 ms where the server needs 0.12, and a lone command waits for several.
    """

    def __init__(self, driver: Driver, opening: bytes = b"") -> None:
        self._driver = driver
        self._opening = opening
        """What goes to the server before anything else: see `opening`."""

    @property
    def driver(self) -> Driver:
        """For SQL that is made as it is needed; not for the first of a transaction with a fence."""
        if not self.has_begun:
            raise AssertionError(NEEDS_PARAMETERS)
        return self._driver

    async def fetch(self, asked: str | Query, /, **parameters: object) -> Sequence[Row]:
        """The rows that a statement finds or returns. KeyError where a parameter is missing."""
        sql, names = query(asked) if isinstance(asked, str) else asked
        values = [parameters[name] for name in names]
        self._begin(values)
        rows: Sequence[Row] = await self._driver.fetch(sql, *values)
        return rows

    async def change(self, asked: str | Query, /, **parameters: object) -> int:
        """Runs a statement; how many rows it changed."""
        sql, names = query(asked) if isinstance(asked, str) else asked
        values = [parameters[name] for name in names]
        self._begin(values)
        done: str = await self._driver.execute(sql, *values)
        return int(done.rpartition(" ")[2])

    @property
    def has_begun(self) -> bool:
        """Whether the server was asked for anything; always, where nothing goes ahead of it."""
        return not self._opening

    def _begin(self, values: Sequence[object]) -> None:
        if self.has_begun:
            return
        if not values:
            raise AssertionError(NEEDS_PARAMETERS)
        opening, self._opening = self._opening, b""
        # Of a connection that is gone the driver tells by itself, with an error that we know.
        if not self._driver.is_closed():
            self._driver._transport.write(opening)  # noqa: SLF001 -- there is no public way
