"""Exactly one worker consumes and publishes at a time; the others stand by."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final, TypeVar

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.shell.database.engine import Database, Work, is_transient
from worker.shell.logs import Action, get_logger

__all__ = ["Leadership", "LeadershipLost", "leading"]

Result = TypeVar("Result")

LANE: Final = 0
LOCK: Final = 7_254_002
"""The advisory lock of the one lane; 7254003 is that of an import."""
PINGS_PER_SILENCE: Final = 3
TRY_AGAIN_SECONDS: Final = 0.5
GIVE_UP_ATTEMPTS: Final = 10
TERM_IS_OVER: Final = "AW001"
"""The SQLSTATE of `require_term`."""
TAKE_LEAD: Final = """
UPDATE leadership SET term = term + 1, gained_at = now()
WHERE lane = CAST(:lane AS integer) AND term IS DISTINCT FROM CAST(:term AS bigint)
RETURNING term
"""
"""A new term, unless nobody else has led since ours. Waits for what the former leader has under
way: every transaction of a leader shares a lock on this row."""


class LeadershipLost(Exception):
    """Another worker leads, or has led in between."""


class Leadership:
    """The advisory lock, on a database session of its own, and the term that was begun with it.

    The lock says who may begin; the term fences off who has not noticed that it is over.
    """

    def __init__(self, database: Database, silence_maximum_seconds: float) -> None:
        self._database = database
        self._silence_maximum_seconds = silence_maximum_seconds
        self._ping_seconds = silence_maximum_seconds / PINGS_PER_SILENCE
        self._connection: AsyncConnection | None = None
        self._term: int | None = None

    async def persist(self, work: Work[Result], *, patient: bool = True) -> Result:
        """Like `Database.persist`, as long as this term lasts; else raises `LeadershipLost`."""
        fence = f"SELECT require_term({LANE}, {self._term});"
        try:
            return await self._database.persist(work, patient=patient, first=fence)
        except asyncpg.PostgresError as error:
            if error.sqlstate == TERM_IS_OVER:
                raise LeadershipLost(str(error)) from error
            raise

    async def look(self, work: Work[Result]) -> Result:
        """For work that only reads, in whoever's term: a lock would cost it a write to the disk."""
        return await self._database.look(work)

    async def gain(self) -> None:
        """Returns when this worker leads, however long that takes."""
        standing_by = False
        while not await self._try():
            if not standing_by:
                get_logger().info(Action.STANDING_BY)
                standing_by = True
            await asyncio.sleep(TRY_AGAIN_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 -- jitter
        get_logger().info(Action.LEADERSHIP_GAINED, term=self._term)

    async def keep(self) -> None:
        """Pings for ever. Raises `LeadershipLost` when another worker has taken over."""
        while True:
            await asyncio.sleep(self._ping_seconds)
            if not await self._ping():
                await self._regain()

    async def give_up(self) -> None:
        """Ends the session, and the lock with it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(DBAPIError, OSError, TimeoutError):
                await connection.invalidate()
                await connection.close()

    async def _regain(self) -> None:
        # After a restart of the database the old leader still holds deliveries: it comes first,
        # before those who stand by, and steps down only if one of them really leads.
        refused, lost_at = 0, monotonic()
        # Cut off from the database alone, it must not keep the commands that the next leader needs.
        while refused < GIVE_UP_ATTEMPTS and monotonic() - lost_at < self._silence_maximum_seconds:
            await self.give_up()
            try:
                if await self._try():
                    return
                refused += 1
            except (DBAPIError, OSError, TimeoutError) as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        raise LeadershipLost("another worker holds the lock, or the database is out of reach")

    async def _try(self) -> bool:
        if self._connection is None:
            self._connection = await self._open()
        locked = await self._connection.scalar(
            text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}
        )
        if locked:
            mine = {"lane": LANE, "term": self._term}
            begun = await self._connection.scalar(text(TAKE_LEAD), mine)
            self._term = self._term if begun is None else begun
        return bool(locked)

    async def _open(self) -> AsyncConnection:
        connection = await self._database.engine.connect()
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        # PostgreSQL itself ends the session of a leader that is frozen or cut off, and so frees
        # the lock for those who stand by.
        milliseconds = int(self._silence_maximum_seconds * 1000)
        await connection.execute(text(f"SET idle_session_timeout = {milliseconds}"))
        return connection

    async def _ping(self) -> bool:
        try:
            await self._database_ping()
        except (DBAPIError, OSError, TimeoutError):
            return False
        return True

    async def _database_ping(self) -> None:
        if self._connection is None:
            raise ConnectionError
        async with asyncio.timeout(self._ping_seconds):
            await self._connection.execute(text("SELECT 1"))


@asynccontextmanager
async def leading(database: Database, silence_maximum_seconds: float) -> AsyncIterator[Leadership]:
    """Waits until this worker leads; gives the lead up at the end, or after so long a silence."""
    leadership = Leadership(database, silence_maximum_seconds)
    try:
        await leadership.gain()
        yield leadership
    finally:
        await leadership.give_up()
