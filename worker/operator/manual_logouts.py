"""Lists manual logouts, and closes those that people have done."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from worker.core.messages.explanations import clock_time
from worker.runtime.printable import printable
from worker.settings import Settings
from worker.storage.acts import Act, ActItem, Author, record_act
from worker.storage.connecting.engine import open_database
from worker.storage.connecting.session import Session
from worker.storage.manual_logouts import close_manual_logouts

__all__ = [
    "Listed",
    "NoOpenManualLogout",
    "NoSuchSite",
    "close_manual_logout",
    "how_it_stands",
    "list_manual_logouts",
    "render",
]

Row = Mapping[str, Any]

PAGE_ROWS: Final = 1000


class NoOpenManualLogout(Exception):
    """The number has no open manual logout at this device."""


class NoSuchSite(Exception):
    """Nothing is known at this site."""


class Listed(NamedTuple):
    """How many manual logouts a list has."""

    open: int
    closed: int


async def list_manual_logouts(
    settings: Settings, *, site_id: str | None, with_closed: bool, on_row: Callable[[Row], None]
) -> Listed:
    """Passes on the open manual logouts, and the closed ones if asked for, the oldest first.

    Page by page, so that a long list needs little memory and no transaction waits for its reader.
    Raises `NoSuchSite`.
    """
    number_open = number_closed = after = 0
    async with open_database(settings.database_url) as database, database.session() as session:
        if site_id is not None:
            await _require_site(session, site_id)
        while True:
            page = await session.fetch(
                "list_manual_logouts",
                site_id=site_id,
                with_closed=with_closed,
                after=after,
                maximum=PAGE_ROWS,
            )
            for row in page:
                is_open = row["closed_at"] is None
                number_open += is_open
                number_closed += not is_open
                on_row(dict(row))
            if len(page) < PAGE_ROWS:
                return Listed(number_open, number_closed)
            after = page[-1]["place"]


async def _require_site(session: Session, site_id: str) -> None:
    (row,) = await session.fetch("site_is_known", site_id=site_id)
    if not row["is_known"]:
        raise NoSuchSite(f"No number, voice service or manual logout is at the site {site_id}.")


async def close_manual_logout(
    settings: Settings, phone_number: str, device_id: str, author: Author
) -> None:
    """Closes the open manual logout of the number at this device. Raises `NoOpenManualLogout`."""

    async def close(session: Session) -> None:
        now = database.clock.now()
        closed = await close_manual_logouts(
            session,
            [(phone_number, device_id)],
            now,
            closed_by=author.name,
            reason=author.reason,
        )
        if not closed:
            raise NoOpenManualLogout(
                f"{phone_number} has no open manual logout at the device {device_id}."
                " `activation-worker manual-logouts` lists the open ones, --all also who closed"
                " the others."
            )
        item = ActItem(phone_number, device_id)
        await record_act(session, Act.CLOSE_MANUAL_LOGOUT, author, now, items=[item])

    async with open_database(settings.database_url) as database:
        await database.transact(close)


def render(row: Row) -> str:
    """Two lines: the number and the device, and how it stands."""
    row = printable(row)
    return (
        f"{row['phone_number']}  {row['device_id']} ({row['device_kind']})  {row['account_id']} at"
        f" {row['site_id']}, extension {row['extension'] or 'none'}\n    {how_it_stands(row)}"
    )


def how_it_stands(row: Row) -> str:
    """Since when it is open, or who closed it and why; with the command that required it."""
    required = clock_time(row["required_at"])
    if row["closed_at"] is None:
        return f"open since {required}  ({row['command_id']})"
    closed = f"{clock_time(row['closed_at'])} by {row['closed_by']}: {row['reason']}"
    return f"required at {required}, closed at {closed}  ({row['command_id']})"
