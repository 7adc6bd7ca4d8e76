"""Isolates poison messages: those that kill the worker whenever it handles them."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from worker.broker.delivery import Delivery
from worker.core.poison import batch_limit, is_poison
from worker.runtime.clock import Clock
from worker.storage.connecting.engine import Transactions
from worker.storage.connecting.session import Session

__all__ = ["Limit", "PoisonTracker"]


@dataclass(frozen=True, slots=True)
class Limit:
    """How many of the waiting messages may form the next batch."""

    messages: int
    is_poison: bool = False
    """Whether it is one message that has killed workers and must not be handled again."""


class PoisonTracker:
    """Counts, for one queue, the unfinished attempts to handle each redelivered message.

    It does not count a message's first delivery, so it costs nothing until a worker has died.
    """

    def __init__(
        self, queue: str, database: Transactions, clock: Clock, *, batch_maximum_messages: int
    ) -> None:
        self.queue: Final = queue
        self._database = database
        self._clock = clock
        self.batch_maximum_messages: Final = batch_maximum_messages
        self._counted: frozenset[bytes] = frozenset()

    async def begin(self, waiting: Iterable[Delivery]) -> Limit:
        """The limit of the next batch; stores an attempt for each redelivered message in it."""
        first = list(islice(waiting, self.batch_maximum_messages))
        if not any(delivery.redelivered for delivery in first):
            return Limit(len(first))
        limit = await self._database.transact(lambda session: self._begin(session, first))
        begun = [] if limit.is_poison else _digests(first[: limit.messages])
        self._counted = frozenset(begun)
        return limit

    async def forgive(self, deliveries: Sequence[Delivery]) -> None:
        """Takes back the attempts that `begin` counted: an outage interrupted them."""
        digests = self._counted.intersection(_digests(deliveries))
        self._counted -= digests
        if digests:
            await self._database.transact(
                lambda session: session.change(
                    "forgive_attempts", queue=self.queue, digests=sorted(digests)
                )
            )

    async def clear(self, session: Session, deliveries: Sequence[Delivery]) -> None:
        """Deletes the counts of handled messages; call it in the transaction that handles them."""
        digests = _digests(deliveries)
        if digests:
            await session.change("clear_attempts", queue=self.queue, digests=digests)

    async def _begin(self, session: Session, waiting: Sequence[Delivery]) -> Limit:
        found = await session.fetch("find_attempts", queue=self.queue, digests=_digests(waiting))
        known = {row["digest"]: row["attempts"] for row in found}
        attempts = [known.get(_digest(item), 0) if item.redelivered else 0 for item in waiting]
        if is_poison(attempts[0]):
            return Limit(1, is_poison=True)
        size = batch_limit(attempts, self.batch_maximum_messages)
        await session.change(
            "count_attempts",
            queue=self.queue,
            digests=_digests(waiting[:size]),
            now=self._clock(),
        )
        return Limit(size)


def _digests(deliveries: Sequence[Delivery]) -> list[bytes]:
    # In key order, so that two workers cannot deadlock.
    return sorted({_digest(delivery) for delivery in deliveries if delivery.redelivered})


def _digest(delivery: Delivery) -> bytes:
    # Not the message id alone: a poison message may have none, or share it with another.
    return hashlib.sha256(f"{delivery.properties.message_id}\n".encode() + delivery.body).digest()
