"""Pauses and resumes the intake of commands."""

from worker.core.messages.explanations import clock_time
from worker.runtime.printable import printable
from worker.settings import Settings
from worker.storage.acts import Act, Author, begin_act
from worker.storage.connecting.engine import open_database
from worker.storage.connecting.session import Session
from worker.storage.intake import Pause, pause_intake, resume_intake
from worker.storage.partitions import load_partitions

__all__ = ["describe_pause", "pause", "resume"]


def describe_pause(pause: Pause) -> str:
    """Since when, by whom and why, as a person reads it."""
    by, why = printable(pause.by), printable(pause.why)
    return f"paused since {clock_time(pause.since)} by {by}: {why}"


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
