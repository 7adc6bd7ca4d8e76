"""The end of a lane's queue before a change: what comes before the last word has been handled."""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Final

import aio_pika
from typing_extensions import override

from worker.broker.connection import BrokerUnavailable
from worker.broker.delivery import Delivery
from worker.cluster.membership import LeadershipLost
from worker.consuming.batch_processor import BatchProcessor, Effect, Message
from worker.storage.lanes import note_drained
from worker.storage.session import Session

__all__ = ["DrainedBatchProcessor", "is_last_word", "last_word"]

CHANGE: Final = "x-lanes-change"


def last_word(change: int) -> aio_pika.Message:
    """What is put behind the last command that a queue gets before this change."""
    return aio_pika.Message(
        b"", headers={CHANGE: change}, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
    )


def is_last_word(delivery: Delivery) -> bool:
    """Whether it is one. No command is: those come by way of an exchange."""
    return not delivery.exchange and CHANGE in delivery.headers


class DrainedBatchProcessor(BatchProcessor[Message, Effect]):
    """The intake of one of several lanes: it notes when its queue has come to an end.

    One consumer at a time, and the order of the queue, make it sure: whoever gets the last word has
    handled everything before it, or somebody else has.
    """

    lane = 0

    @override
    async def _handle(self, batch: Sequence[Delivery]) -> None:
        for last, part in groupby(batch, is_last_word):
            words = list(part)
            if last:
                self._beside(self._note_drained(words, set(self._settling)))
                self.inbox.handled(len(words))
            else:
                await super()._handle(words)

    async def _note_drained(
        self, words: Sequence[Delivery], before: Collection[asyncio.Task[bool]]
    ) -> bool:
        """Whether it is noted that the queue has come to its end; if not, the words come again.

        What cannot be read stays in the queue until it lies among the dead letters. That may take
        as long as it will: whoever gives the change up finds the lane at work.
        """
        if before:
            await asyncio.wait(before)
        if any(settled.cancelled() or not settled.result() for settled in before):
            return False

        async def note(session: Session) -> None:
            await self._suspects.clear(session, words)
            change = max(int(str(word.headers[CHANGE])) for word in words)
            await note_drained(session, self.lane, change)

        with contextlib.suppress(BrokerUnavailable, LeadershipLost):
            await self._database.transact(note)
            await self.inbox.settle(words)
            return True
        return False
