"""Lists, retries and discards messages of the outbox that the broker did not accept."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from worker.core.messages.explanations import clock_time
from worker.core.operations.due import AT_ONCE
from worker.runtime.printable import printable
from worker.settings import Settings
from worker.storage.connecting.engine import open_database
from worker.storage.connecting.session import Session

__all__ = ["NoSuchMessage", "discard", "list_undelivered", "render", "retry"]

Row = Mapping[str, Any]


class NoSuchMessage(Exception):
    """No undelivered message has this position."""


async def list_undelivered(settings: Settings, maximum: int) -> Sequence[Row]:
    """The oldest undelivered messages, at most `maximum`."""
    async with (
        open_database(settings.database_url) as database,
        database.transaction() as session,
    ):
        return [dict(row) for row in await session.fetch("show_outbox", maximum=maximum)]


async def retry(settings: Settings, positions: Collection[int] | None) -> int:
    """Makes messages (None: all) due for another attempt now; returns how many.

    Raises `NoSuchMessage`, and then changes nothing.
    """
    return await _change(
        settings,
        positions,
        "retry_messages",
        "`activation-worker outbox list` shows the positions.",
        positions=None if positions is None else sorted(positions),
    )


async def discard(
    settings: Settings, positions: Collection[int], *, discarded_by: str, reason: str
) -> int:
    """Moves parked messages to `discarded_messages`; returns how many. Raises like `retry`."""
    return await _change(
        settings,
        positions,
        "discard_messages",
        "Only PARKED messages can be discarded. The worker retries the others by itself: fix the"
        " reason that `activation-worker outbox list` shows, or use `resolve` for the number.",
        positions=sorted(positions),
        due_at=AT_ONCE,
        discarded_by=discarded_by,
        reason=reason,
    )


async def _change(
    settings: Settings,
    wanted: Collection[int] | None,
    name: str,
    if_missing: str,
    **parameters: object,
) -> int:
    async def change(session: Session) -> int:
        rows = await session.fetch(name, **parameters, now=database.clock.now())
        changed = {row["position"] for row in rows}
        if missing := {*(wanted or ())} - changed:
            raise NoSuchMessage(
                f"No such message: {', '.join(map(str, sorted(missing)))}. {if_missing}"
            )
        return len(changed)

    async with open_database(settings.database_url) as database:
        return await database.transact(change)


def render(row: Row) -> str:
    """Two lines: the message, and the reason why the broker did not accept it."""
    row = printable(row)
    state = "PARKED" if row["parked"] else f"next attempt {clock_time(row['next_attempt_at'])}"
    return (
        f"{row['position']}  {row['subject']}  {row['message_type']} to {row['exchange']}"
        f" {row['routing_key']}  {row['attempts']} attempts, {state}\n    {row['last_error']}"
    )
