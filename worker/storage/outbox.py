"""What must still be said: taking it, and noting that it was said or was not."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from worker.storage.session import Session

__all__ = [
    "OutgoingMessage",
    "Refused",
    "delay_messages",
    "find_ready",
    "next_messages",
]

LONGEST_DELAY_SECONDS: Final = 60


class OutgoingMessage(NamedTuple):
    """A message on its way out."""

    position: int
    phone_number: str
    message_id: str
    message_type: str
    exchange: str
    routing_key: str
    correlation_id: str
    must_be_routed: bool
    holds_operation: bool
    """Whether the number's operation waits for it to be sent."""
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


async def next_messages(
    session: Session, partition: int, now: datetime, maximum: int
) -> tuple[list[OutgoingMessage], bool]:
    """The partition's next messages in the order of their decisions, and whether any is left out.

    Left out are those that are delayed, and those behind them.
    """
    held_up = await session.fetch("find_delayed", lane=partition)
    rows = await session.fetch("next_messages", lane=partition, now=now, maximum=maximum)
    return [OutgoingMessage(*row) for row in rows], bool(held_up)


async def delay_messages(
    session: Session, partition: int, refused: Collection[Refused], now: datetime
) -> None:
    """The broker refused them, and why: they are kept, and tried again later and later."""
    if refused:
        await session.change(
            "delay_messages",
            lane=partition,
            position=[item.message.position for item in refused],
            next_attempt_at=[
                None if item.parked else now + _delay(item.message.attempts) for item in refused
            ],
            last_error=[item.reason for item in refused],
        )


async def find_ready(session: Session, partition: int, now: datetime, maximum: int) -> list[str]:
    """The partition's numbers whose operations can go on now."""
    rows = await session.fetch("find_ready", lane=partition, now=now, maximum=maximum)
    return [row["phone_number"] for row in rows]


def _delay(attempts: int) -> timedelta:
    return timedelta(seconds=min(2**attempts, LONGEST_DELAY_SECONDS))
