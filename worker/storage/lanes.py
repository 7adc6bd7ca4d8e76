"""How many lanes there are, and a change of that: its steps as far as the database knows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from worker.core.lanes import DISTRIBUTION, duties, lane_of
from worker.storage.session import Row, Session

__all__ = [
    "LONG_AGO",
    "Lanes",
    "change_lanes",
    "find_undrained",
    "forget_former_lanes",
    "load_lanes",
    "note_drained",
    "note_results_read",
    "wish_for_lanes",
]

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Lanes:
    """How many there are."""

    present: int
    wished: int
    """How many there are to be; the same where no change is under way."""
    change: int
    """The number of the last change."""
    former: int | None
    """How many there were, while their queues are not yet deleted."""
    results_read_until: datetime
    """Until when one of several lanes may believe that PBX results are counted."""

    @property
    def changing(self) -> bool:
        """Whether a change is under way."""
        return self.present != self.wished


async def load_lanes(session: Session, *, keep: bool = False) -> Lanes:
    """How things are now; and stay, if wanted, until the transaction ends."""
    if keep:
        await session.driver.execute("SELECT FROM lanes FOR SHARE")
    (row,) = await session.fetch("load_lanes")
    values = {**row, "results_read_until": row["results_read_until"] or LONG_AGO}
    return Lanes(**values)


async def wish_for_lanes(session: Session, wished: int) -> Lanes:
    """Begins a change, goes on with the one that is under way, or ends it where it began."""
    await session.change("wish_for_lanes", wished=wished)
    return await load_lanes(session)


async def note_drained(session: Session, lane: int, change: int) -> None:
    """All that stood in the lane's queue before this change is handled."""
    await session.change("note_drained", lane=lane, change=change)


async def note_results_read(session: Session, now: datetime) -> None:
    """All that PBX systems said until now is counted."""
    await session.change("note_results_read", lane=DISTRIBUTION, now=now)


async def find_undrained(session: Session) -> Sequence[int]:
    """The lanes whose queues may still hold something; where there is one, it has none."""
    return [row["lane"] for row in await session.fetch("find_undrained")]


async def change_lanes(session: Session) -> Lanes:
    """Lets the wish come true, in one moment for everything that is under way.

    Waits a second for what the leaders have begun, and then ends it; what they begin afterwards is
    refused.
    """
    await session.change("end_terms")
    lanes = await load_lanes(session)
    if not lanes.changing or (lanes.present > 1 and await find_undrained(session)):
        return lanes
    posts = [duty.post for duty in duties(lanes.wished, changing=False)]
    await session.change("open_posts", posts=posts)
    await _move(session, lanes.wished)
    await session.change("change_lanes")
    return await load_lanes(session)


async def forget_former_lanes(session: Session) -> None:
    """Their queues are deleted."""
    await session.change("forget_former_lanes")


async def _move(session: Session, lanes: int) -> None:
    found = await session.fetch("find_under_way")
    where = {
        "phone_number": [row["phone_number"] for row in found],
        "lane": [lane_of(_holder_of(row), lanes) for row in found],
    }
    for name in ("move_outbox", "move_operations"):
        await session.change(name, **where)


def _holder_of(row: Row) -> str:
    if row["account_id"] is None:
        return str(row["phone_number"])
    return f"{row['account_id']}/{row['site_id']}"
