"""The switch of the intake: while it is paused, no worker takes commands."""

from datetime import datetime
from typing import NamedTuple

from worker.storage.acts import Author
from worker.storage.connecting.session import Session

__all__ = ["Pause", "pause_intake", "resume_intake"]


class Pause(NamedTuple):
    """A pause of the intake that has not ended."""

    since: datetime
    by: str
    why: str


async def pause_intake(session: Session, author: Author, now: datetime) -> bool:
    """Pauses the intake; False if it is paused already."""
    changed = await session.change(
        "pause_intake", now=now, paused_by=author.name, reason=author.reason
    )
    return changed > 0


async def resume_intake(session: Session) -> bool:
    """Ends the pause; False if there is none."""
    return await session.change("resume_intake") > 0
