"""Lists, retries and discards messages of the outbox that the broker did not accept."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from worker.core.messages.explanations import clock_time
from worker.core.operations.due import AT_ONCE
from worker.runtime.counting import counted
from worker.runtime.printable import printable
from worker.settings import Settings
from worker.storage.acts import Act, ActItem, Author, record_act
from worker.storage.connecting.engine import open_database
from worker.storage.connecting.session import Session

__all__ = ["NoSuchMessage", "discard", "list_undelivered", "render", "retry"]

Row = Mapping[str, Any]


class NoSuchMessage(Exception):
    """No undelivered message has this position, or this cannot be done with it."""


async def list_undelivered(settings: Settings, maximum: int) -> Sequence[Row]:
    """The oldest undelivered messages, at most `maximum`."""
    async with (
        open_database(settings.database_url) as database,
        database.transaction() as session,
    ):
        return [dict(row) for row in await session.fetch("show_outbox", maximum=maximum)]


class _Change(NamedTuple):
    """A change of undelivered messages."""

    act: Act
    query: str
    if_missing: str


_RETRY: Final = _Change(
    Act.RETRY_MESSAGE, "retry_messages", "`activation-worker outbox list` shows the positions."
)
_DISCARD: Final = _Change(
    Act.DISCARD_MESSAGE,
    "discard_messages",
    "`activation-worker outbox list` shows the positions.",
)
_NOT_PARKED: Final = (
    "Only PARKED messages can be discarded, and this is none: {}. The worker retries it by itself:"
    " fix the reason that `activation-worker outbox list` shows, or use `resolve` for the number."
)


async def retry(settings: Settings, positions: Collection[int] | None, author: Author) -> int:
    """Makes messages (None: all) due for another attempt now; returns how many.

    Raises `NoSuchMessage`, and then changes nothing.
    """
    return await _change(settings, positions, _RETRY, author)


async def discard(settings: Settings, positions: Collection[int], author: Author) -> int:
    """Moves parked messages to `discarded_messages`; returns how many. Raises like `retry`."""
    return await _change(
        settings,
        positions,
        _DISCARD,
        author,
        due_at=AT_ONCE,
        discarded_by=author.name,
        reason=author.reason,
    )


async def _change(
    settings: Settings,
    wanted: Collection[int] | None,
    what: _Change,
    author: Author,
    **parameters: object,
) -> int:
    async def change(session: Session) -> int:
        now = database.clock.now()
        positions = None if wanted is None else sorted(wanted)
        rows = await session.fetch(what.query, positions=positions, now=now, **parameters)
        if missing := {*(wanted or ())} - {row["position"] for row in rows}:
            known = await session.fetch("find_undelivered", positions=sorted(missing))
            if known:
                raise NoSuchMessage(_NOT_PARKED.format(_listed(row["position"] for row in known)))
            raise NoSuchMessage(f"No such message: {_listed(missing)}. {what.if_missing}")
        if rows:
            items = [ActItem(*row[1:]) for row in sorted(rows)]
            await record_act(session, what.act, author, now, items=items)
        return len(rows)

    async with open_database(settings.database_url) as database:
        return await database.transact(change)


def _listed(positions: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(positions)))


def render(row: Row) -> str:
    """Two lines: the message, and the reason why the broker did not accept it."""
    row = printable(row)
    state = "PARKED" if row["parked"] else f"next attempt {clock_time(row['next_attempt_at'])}"
    attempts = counted(row["attempts"], "attempt")
    return (
        f"{row['position']}  {row['subject']}  {row['message_type']} to {row['exchange']}"
        f" {row['routing_key']}  {attempts}, {state}\n    {row['last_error']}"
    )
