"""What must still be said: taking it, and noting that it was said or was not."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from worker.core.situation import AccountAtSite
from worker.shell.database.statements import statement

__all__ = [
    "OutgoingMessage",
    "Ready",
    "Refused",
    "delay_messages",
    "find_ready",
    "forget_messages",
    "next_messages",
]

LONGEST_DELAY_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message on its way out."""

    position: int
    phone_number: str
    message_id: str
    message_type: str
    exchange: str
    routing_key: str
    correlation_id: str
    must_be_routed: bool
    awaited: bool
    """Whether a PBX result is awaited for the step that it asks for."""
    ordered: bool
    """Whether it keeps its place among the number's messages."""
    body: bytes
    decided_at: datetime
    queued_at: datetime
    """Since when it waits."""
    attempts: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that the broker did not take."""

    message: OutgoingMessage
    reason: str
    parked: bool = False
    """Whether it is not tried again until a person says so."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A number of whose operation something follows now, and who holds the number."""

    phone_number: str
    holder: AccountAtSite


async def next_messages(
    connection: AsyncConnection, lane: int, now: datetime, maximum: int
) -> list[OutgoingMessage]:
    """The lane's next messages in the order of their decisions, those that are delayed left out."""
    asked = {"lane": lane, "now": now, "maximum": maximum}
    rows = await connection.execute(statement("next_messages"), asked)
    return [OutgoingMessage(*row) for row in rows]


async def forget_messages(
    connection: AsyncConnection, lane: int, messages: Collection[OutgoingMessage]
) -> None:
    """The broker has them: nothing is left to be done."""
    if messages:
        positions = [message.position for message in messages]
        said = {"lane": lane, "positions": positions}
        await connection.execute(statement("forget_messages"), said)


async def delay_messages(
    connection: AsyncConnection, lane: int, refused: Collection[Refused], now: datetime
) -> None:
    """The broker refused them, and why: they are kept, and tried again later and later."""
    if refused:
        await connection.execute(
            statement("delay_messages"),
            {
                "lane": lane,
                "position": [item.message.position for item in refused],
                "next_attempt_at": [
                    None if item.parked else now + _delay(item.message.attempts) for item in refused
                ],
                "last_error": [item.reason for item in refused],
            },
        )


async def find_ready(
    connection: AsyncConnection,
    lane: int,
    phone_numbers: Collection[str] | None,
    *,
    now: datetime,
    maximum: int,
) -> list[Ready]:
    """The lane's operations that can go on now: of these numbers, or of all when None."""
    rows = await connection.execute(
        statement("find_ready"),
        {
            "lane": lane,
            "phone_numbers": None if phone_numbers is None else sorted(phone_numbers),
            "now": now,
            "maximum": maximum,
        },
    )
    return [Ready(row.phone_number, AccountAtSite(row.account_id, row.site_id)) for row in rows]


def _delay(attempts: int) -> timedelta:
    return timedelta(seconds=min(2**attempts, LONGEST_DELAY_SECONDS))
