"""The outbox: messages that are stored and not yet confirmed by the broker."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from activation_contracts.messages import PublishedMessage

from worker.core.partitions import partition_of
from worker.storage.connecting.session import Session
from worker.storage.outbox.rows import outbox_row

__all__ = [
    "OutgoingMessage",
    "Undelivered",
    "delete_messages",
    "load_messages",
    "postpone_messages",
    "put_messages",
]

LONGEST_DELAY_SECONDS: Final = 60


class OutgoingMessage(NamedTuple):
    """A message of the outbox."""

    position: int
    subject: str
    """The number, or the account at a site, that it is about: their messages keep their order."""
    message_id: str
    message_type: str
    exchange: str
    routing_key: str
    correlation_id: str
    must_be_routed: bool
    holds_operation: bool
    """Whether the number's operation waits until the message is confirmed."""
    awaited: bool
    """Whether a PBX result is awaited for the step that it requests."""
    ordered: bool
    """Whether it keeps its place among the subject's messages."""
    body: bytes
    decided_at: datetime
    queued_at: datetime
    """When it was put into the outbox."""
    attempts: int
    """How many times the broker has refused it."""
    lane: int
    deferred: bool
    """Whether it, or another message of its subject, is in a lane behind the first."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message that the broker has not accepted."""

    message: OutgoingMessage
    reason: str
    parked: bool = False
    """Whether it waits for an operator's decision, without a next attempt."""


async def load_messages(
    session: Session, partition: int, now: datetime, maximum: int
) -> Sequence[OutgoingMessage]:
    """The partition's next messages: those that people wait for, and then the deferred ones.

    At most this many of each kind, in the order of the decisions. Omits postponed messages, and
    the messages of the same subject behind them.
    """
    rows = await session.fetch("load_messages", partition=partition, now=now, maximum=maximum)
    messages = [OutgoingMessage(*row) for row in rows]
    return sorted(messages, key=lambda message: (message.deferred, message.position))


async def put_messages(
    session: Session, messages: Sequence[PublishedMessage], partitions: int, now: datetime
) -> None:
    """Puts messages that no operation waits for into the outboxes of their partitions."""
    if messages:
        await session.change_each(
            "put_messages",
            len(messages),
            messages=[outbox_row(message) for message in messages],
            partitions=[partition_of(message.partitionkey, partitions) for message in messages],
            now=now,
        )


async def delete_messages(session: Session, partition: int, confirmed: Collection[int]) -> None:
    """Deletes the messages at these positions: the broker has confirmed them."""
    await session.change("delete_messages", partition=partition, confirmed=list(confirmed))


async def postpone_messages(
    session: Session, partition: int, undelivered: Collection[Undelivered], now: datetime
) -> None:
    """Stores the reason and the time of the next attempt; the pauses double up to a minute."""
    await session.change(
        "postpone_messages",
        partition=partition,
        position=[item.message.position for item in undelivered],
        next_attempt_at=[
            None if item.parked else now + _delay(item.message.attempts) for item in undelivered
        ],
        last_error=[item.reason for item in undelivered],
    )


def _delay(attempts: int) -> timedelta:
    return timedelta(seconds=min(2**attempts, LONGEST_DELAY_SECONDS))
