"""Pauses and resumes the intake of commands."""

from typing import Final

from worker.runtime.concurrency import limited
from worker.settings import Settings
from worker.storage.acts import Act, Author, begin_act
from worker.storage.connecting.engine import open_database
from worker.storage.connecting.session import Session
from worker.storage.gauges import DATABASE_FAILURES
from worker.storage.intake import Pause, pause_intake, resume_intake
from worker.storage.partitions import load_partitions

__all__ = ["find_pause", "pause", "resume"]

FIND_SECONDS: Final = 5
"""A command that says why nothing came waits no longer for this part of the answer."""


async def find_pause(settings: Settings) -> Pause | None:
    """The pause of the intake; None if there is none, or if the database does not say."""
    try:
        return await limited(_load_pause(settings), FIND_SECONDS)
    except DATABASE_FAILURES:
        return None


async def _load_pause(settings: Settings) -> Pause | None:
    async with open_database(settings.database_url) as database, database.session() as session:
        return (await load_partitions(session)).pause


async def pause(settings: Settings, author: Author) -> Pause | None:
    """Pauses the intake and records it; returns an earlier pause, which stays as it is."""

    async def change(session: Session) -> Pause | None:
        now = database.clock.now()
        if not await pause_intake(session, author, now):
            return (await load_partitions(session)).pause
        await begin_act(session, Act.PAUSE, author, now)
        return None

    async with open_database(settings.database_url) as database:
        return await database.transact(change)


async def resume(settings: Settings, author: Author) -> Pause | None:
    """Ends the pause and records it; returns the pause, or None if there was none."""

    async def change(session: Session) -> Pause | None:
        ended = (await load_partitions(session)).pause
        if await resume_intake(session):
            await begin_act(session, Act.RESUME, author, database.clock.now())
        return ended

    async with open_database(settings.database_url) as database:
        return await database.transact(change)
