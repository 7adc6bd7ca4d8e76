"""Dead letters that are stored, and not yet confirmed by the dead-letter queue."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from activation_contracts.dead_letters import DeadLetterCode

from worker.storage.connecting.session import Session

__all__ = [
    "BATCH_MAXIMUM_BYTES",
    "BATCH_MAXIMUM_MESSAGES",
    "BY_THE_BROKER",
    "Reason",
    "RefusedDeadLetters",
    "StoredDeadLetter",
    "find_refused",
    "forget_queued",
    "load_dead_letters",
    "log_dead_letters",
    "record_dead_letters",
    "store_dead_letters",
    "uncount_queued",
]

BATCH_MAXIMUM_MESSAGES: Final = 100
BATCH_MAXIMUM_BYTES: Final = 4_000_000
"""A batch ends with the message that exceeds this: a broker accepts messages of many MiB."""


BY_THE_BROKER: Final = frozenset({DeadLetterCode.NOT_ROUTED, DeadLetterCode.GIVEN_UP_BY_THE_BROKER})
"""What the broker puts into the queue itself: all messages there that are not counted."""


class StoredDeadLetter(NamedTuple):
    """A dead letter as the database holds it."""

    position: int
    properties: bytes
    """The content header of AMQP."""
    body: bytes


class RefusedDeadLetters(NamedTuple):
    """The stored dead letters that the dead-letter queue has refused."""

    messages: int
    last_error: str | None


async def store_dead_letters(
    session: Session, letters: Sequence[tuple[bytes, bytes]], now: datetime
) -> None:
    """Stores dead letters, each as its properties and its body."""
    await session.change_each(
        "store_dead_letters",
        len(letters),
        properties=[properties for properties, _ in letters],
        bodies=[body for _, body in letters],
        now=now,
    )


class Reason(NamedTuple):
    """Why a message was dead-lettered, for people."""

    code: str
    detail: str
    queue: str
    message_id: str | None
    phone_number: str | None
    """None where it could not be read."""


async def log_dead_letters(session: Session, reasons: Sequence[Reason], now: datetime) -> None:
    """Stores the reasons of dead letters; they outlive their place in the dead-letter queue."""
    codes, details, queues, message_ids, phone_numbers = zip(*reasons, strict=True)
    await session.change_each(
        "log_dead_letters",
        len(reasons),
        codes=codes,
        details=details,
        queues=queues,
        message_ids=message_ids,
        phone_numbers=phone_numbers,
        now=now,
    )


async def load_dead_letters(session: Session) -> Sequence[StoredDeadLetter]:
    """The next batch to publish."""
    rows = await session.fetch(
        "load_dead_letters", maximum=BATCH_MAXIMUM_MESSAGES, maximum_bytes=BATCH_MAXIMUM_BYTES
    )
    return [StoredDeadLetter(*row) for row in rows]


async def record_dead_letters(
    session: Session, confirmed: Mapping[int, str], refused: Mapping[int, str]
) -> None:
    """Deletes the confirmed ones, counts them by code, and stores the reason of each refused one.

    By position: the code of a confirmed one, and why a refused one was refused.
    """
    await session.change("delete_dead_letters", confirmed=list(confirmed))
    if confirmed:
        await session.change("count_queued_dead_letters", **_counts(confirmed.values()))
    await session.change(
        "refuse_dead_letters", position=list(refused), last_error=list(refused.values())
    )


async def find_refused(session: Session) -> RefusedDeadLetters:
    """How many stored dead letters the dead-letter queue has refused, and why."""
    (row,) = await session.fetch("find_refused_dead_letters")
    return RefusedDeadLetters(*row)


async def uncount_queued(session: Session, codes: Iterable[str]) -> None:
    """Takes back the counts of dead letters that were removed from the dead-letter queue."""
    await session.change("uncount_queued_dead_letters", **_counts(codes))


async def forget_queued(session: Session) -> None:
    """Takes back all counts: the dead-letter queue is empty."""
    await session.change("forget_queued_dead_letters")


def _counts(codes: Iterable[str]) -> dict[str, list[object]]:
    counted = Counter(code for code in codes if code not in BY_THE_BROKER)
    return {"codes": list(counted), "letters": list(counted.values())}
