"""The acts of operators: who decided what, when and why."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum, unique
from typing import Final, NamedTuple

from worker.storage.connecting.session import Row, Session

__all__ = ["Act", "ActItem", "Author", "begin_act", "load_acts", "record_act", "record_items"]

FIRST_ITEMS: Final = 3
"""How many items of an act a list shows."""


@unique
class Act(StrEnum):
    """What an operator can do."""

    RESOLVE = "resolve"
    CLOSE_MANUAL_LOGOUT = "close-manual-logout"
    RETRY_MESSAGE = "retry-message"
    DISCARD_MESSAGE = "discard-message"
    REPLAY_DEAD_LETTER = "replay-dead-letter"
    DISCARD_DEAD_LETTER = "discard-dead-letter"
    PAUSE = "pause"
    RESUME = "resume"
    RETENTION = "retention"
    IMPORT = "import"


class Author(NamedTuple):
    """Who decides, and why."""

    name: str
    reason: str


class ActItem(NamedTuple):
    """What an act was done to."""

    subject: str | None
    """The number, or the account at a site, that it concerns; None if that is not known."""
    item: str
    """The id of the command or the message, the key of the dead letter, or the device."""
    detail: str | None = None


async def begin_act(
    session: Session, act: Act, author: Author, now: datetime, *, detail: str | None = None
) -> int:
    """Records an act without items; returns its place, for `record_items`."""
    ((place,),) = await session.fetch(
        "begin_act",
        act=act.value,
        decided_at=now,
        decided_by=author.name,
        reason=author.reason,
        detail=detail,
    )
    return int(place)


async def record_items(session: Session, act: int, items: Sequence[ActItem]) -> None:
    """Records what the act at this place was done to."""
    await session.change_each(
        "record_items",
        len(items),
        act=act,
        subjects=[item.subject for item in items],
        items=[item.item for item in items],
        details=[item.detail for item in items],
    )


async def record_act(
    session: Session, act: Act, author: Author, now: datetime, *, items: Sequence[ActItem]
) -> None:
    """Records an act with its items, in the transaction that does it."""
    await record_items(session, await begin_act(session, act, author, now), items)


async def load_acts(session: Session, after: int, maximum: int) -> Sequence[Row]:
    """The next acts behind this place, the oldest first."""
    return await session.fetch("list_acts", after=after, maximum=maximum, items_maximum=FIRST_ITEMS)
