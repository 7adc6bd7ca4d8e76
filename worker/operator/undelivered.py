"""Messages that the broker did not take: looking at them, and deciding what becomes of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from worker.core.due import AT_ONCE
from worker.core.explanations import clock_time
from worker.settings import Settings
from worker.storage.engine import open_database

__all__ = ["NoSuchMessage", "discard", "in_words", "look", "retry"]

Row = Mapping[str, Any]


class NoSuchMessage(Exception):
    """No message that was not taken has this position."""


async def look(settings: Settings, maximum: int) -> Sequence[Row]:
    """Those that were tried and not taken, oldest first."""
    async with (
        open_database(settings.database_url) as database,
        database.transaction() as session,
    ):
        return [dict(row) for row in await session.fetch("show_outbox", maximum=maximum)]


async def retry(settings: Settings, positions: Collection[int] | None) -> int:
    """Has them tried again at once, None for all; how many. Raises `NoSuchMessage`."""
    asked = None if positions is None else sorted(positions)
    now = datetime.now(UTC)
    missing = "`activation-worker outbox list` shows those that are there."
    return await _change(settings, positions, "retry_messages", missing, positions=asked, now=now)


async def discard(
    settings: Settings, positions: Collection[int], *, discarded_by: str, reason: str
) -> int:
    """Takes parked ones out of the way and keeps them, with who and why; raises like `retry`."""
    return await _change(
        settings,
        positions,
        "discard_messages",
        "Only PARKED ones can be discarded. The others are tried again by themselves: mend what"
        " `activation-worker outbox list` says, or decide on the number with `resolve`.",
        positions=sorted(positions),
        due_at=AT_ONCE,
        discarded_by=discarded_by,
        reason=reason,
        now=datetime.now(UTC),
    )


async def _change(
    settings: Settings,
    wanted: Collection[int] | None,
    name: str,
    if_missing: str,
    **parameters: object,
) -> int:
    async with (
        open_database(settings.database_url) as database,
        database.transaction() as session,
    ):
        done = {row["position"] for row in await session.fetch(name, **parameters)}
        if missing := {*(wanted or ())} - done:
            raise NoSuchMessage(
                f"No such message: {', '.join(map(str, sorted(missing)))}. {if_missing}"
            )
    return len(done)


def in_words(row: Row) -> str:
    """A line for people, and a second one that says why."""
    state = "PARKED" if row["parked"] else f"next attempt {clock_time(row['next_attempt_at'])}"
    return (
        f"{row['position']}  {row['phone_number']}  {row['message_type']} to {row['exchange']}"
        f" {row['routing_key']}  {row['attempts']} attempts, {state}\n    {row['last_error']}"
    )
