"""The end of a lane's queue before a change: what comes before the last word has been handled."""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Final

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from typing_extensions import override

from worker.shell.database.lanes import note_drained
from worker.shell.database.session import Session
from worker.shell.intake import Effect, Intake, Message

__all__ = ["DrainedIntake", "is_last_word", "last_word"]

CHANGE: Final = "x-lanes-change"


def last_word(change: int) -> aio_pika.Message:
    """What is put behind the last command that a queue gets before this change."""
    return aio_pika.Message(
        b"", headers={CHANGE: change}, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
    )


def is_last_word(delivery: AbstractIncomingMessage) -> bool:
    """Whether it is one. No command is: those come by way of an exchange."""
    return not delivery.exchange and CHANGE in delivery.headers


class DrainedIntake(Intake[Message, Effect]):
    """The intake of one of several lanes: it notes when its queue has come to an end.

    One consumer at a time, and the order of the queue, make it sure: whoever gets the last word has
    handled everything before it, or somebody else has.
    """

    lane = 0

    @override
    async def _handle(self, batch: Sequence[AbstractIncomingMessage]) -> None:
        for last, part in groupby(batch, is_last_word):
            handle = self._note_drained if last else super()._handle
            await handle(list(part))

    async def _note_drained(self, words: Sequence[AbstractIncomingMessage]) -> None:
        if self._parking:
            # What cannot be read stays in the queue until it lies among the dead letters.
            await asyncio.wait(self._parking)

        async def note(session: Session) -> None:
            await self._suspects.clear(session, words)
            change = max(int(str(word.headers[CHANGE])) for word in words)
            await note_drained(session, self.lane, change)

        await self._database.persist(note)
        await self.inbox.settle(words)
        self.inbox.handled(len(words))
