"""Which redelivered messages may be handled together, and which never again."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from worker.broker.delivery import Delivery
from worker.core.poison import batch_limit, is_poison
from worker.runtime.clock import Clock
from worker.storage.engine import Transactions
from worker.storage.session import Session

__all__ = ["Batch", "PoisonTracker"]


@dataclass(frozen=True, slots=True)
class Batch:
    """What is handled next, from the front of what waits."""

    messages: int
    """How many."""
    given_up: bool = False
    """It is one message, and it is not handled any more."""


class PoisonTracker:
    """Counts, for one queue, what was begun with a redelivered message and never finished.

    A message that comes for the first time is not counted: nobody pays for this until a worker
    has died.
    """

    def __init__(
        self, queue: str, database: Transactions, clock: Clock, *, batch_maximum_messages: int
    ) -> None:
        self._queue = queue
        self._database = database
        self._clock = clock
        self._batch_maximum_messages = batch_maximum_messages
        self._counted: frozenset[bytes] = frozenset()

    async def begin(self, waiting: Iterable[Delivery]) -> Batch:
        """The next batch, its redelivered messages counted, and that stored."""
        first = list(islice(waiting, self._batch_maximum_messages))
        if not any(delivery.redelivered for delivery in first):
            return Batch(len(first))
        batch = await self._database.transact(lambda on: self._begin(on, first))
        begun = [] if batch.given_up else _digests(first[: batch.messages])
        self._counted = frozenset(begun)
        return batch

    async def forgive(self, deliveries: Sequence[Delivery]) -> None:
        """Takes back what `begin` counted: it was no fault of theirs that this came to nothing."""
        innocent = self._counted.intersection(_digests(deliveries))
        self._counted -= innocent
        if innocent:
            await self._database.transact(
                lambda on: on.change(
                    "forgive_suspects", queue=self._queue, digests=sorted(innocent)
                )
            )

    async def clear(self, session: Session, deliveries: Sequence[Delivery]) -> None:
        """They are dealt with: to be called in the transaction that does so."""
        digests = _digests(deliveries)
        if digests:
            await session.change("clear_suspects", queue=self._queue, digests=digests)

    async def _begin(self, session: Session, waiting: Sequence[Delivery]) -> Batch:
        found = await session.fetch("find_suspects", queue=self._queue, digests=_digests(waiting))
        known = {row["digest"]: row["attempts"] for row in found}
        attempts = [known.get(_digest(item), 0) if item.redelivered else 0 for item in waiting]
        if is_poison(attempts[0]):
            return Batch(1, given_up=True)
        size = batch_limit(attempts, self._batch_maximum_messages)
        await session.change(
            "count_suspects",
            queue=self._queue,
            digests=_digests(waiting[:size]),
            now=self._clock(),
        )
        return Batch(size)


def _digests(deliveries: Sequence[Delivery]) -> list[bytes]:
    # In key order, so that two workers cannot deadlock.
    return sorted({_digest(delivery) for delivery in deliveries if delivery.redelivered})


def _digest(delivery: Delivery) -> bytes:
    # Not by its id alone: what kills a worker need not have one, or may share it.
    return hashlib.sha256(f"{delivery.properties.message_id}\n".encode() + delivery.body).digest()
