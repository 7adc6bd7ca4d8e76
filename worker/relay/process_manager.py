"""What follows once messages are with the broker: they are forgotten, and operations go on."""

import asyncio
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import Final, NamedTuple

from worker.core.batch import Advanced, advance_all, can_complete
from worker.core.operation import Policy
from worker.relay.key_ordered_publisher import PublishResult
from worker.runtime.clock import Clock
from worker.storage.engine import Transactions
from worker.storage.loading import load_for_conclusion
from worker.storage.outbox import OutgoingMessage, find_ready
from worker.storage.saving import WriteContext, write_conclusions
from worker.storage.session import Session

__all__ = ["Concluder", "Noted", "numbers_held_by"]

AHEAD_MAXIMUM_MESSAGES: Final = 8
"""Of so few is worked out what follows while they are on their way. With more, locks would be held
for longer than the database is at work, and publishing is not what the next ones wait for."""
TAKEN_WITHIN_SECONDS: Final = 0.1
"""So long does a transaction hold its locks for messages that are on their way."""
AHEAD_AGAIN_AFTER_SECONDS: Final = 5
"""A broker that is slow with some is slow with the next: nothing is worked out twice for it."""


class Noted(NamedTuple):
    """What was stored."""

    concluded: Sequence[Advanced]
    to_say: Sequence[OutgoingMessage]


class _NotTaken(Exception):
    """The broker has not taken the messages, or nobody knows yet."""


class Concluder:
    """Concludes the operations of one lane; all that it must know is in the database."""

    def __init__(
        self,
        database: Transactions,
        *,
        lane: int,
        policy: Policy,
        clock: Clock,
        results_read_until: Callable[[datetime], datetime],
    ) -> None:
        self._database = database
        self._lane = lane
        self._policy = policy
        self._clock = clock
        self._results_read_until = results_read_until
        self._ahead_again_at = -math.inf

    async def advance(self, numbers: Sequence[str], sent: Sequence[OutgoingMessage]) -> Noted:
        """Forgets what the broker has, and ends what nothing holds any more of these numbers."""
        return await self._database.transact(lambda on: self._conclude(on, numbers, sent))

    def may_go_ahead(self, messages: Sequence[OutgoingMessage]) -> bool:
        """Whether it is worth while for these messages to use `conclude_if_taken`."""
        return (
            len(messages) <= AHEAD_MAXIMUM_MESSAGES
            and monotonic() >= self._ahead_again_at
            and any(message.holds_operation for message in messages)
            # Their clocks are started first.
            and not any(message.awaited for message in messages)
        )

    async def conclude_if_taken(
        self,
        numbers: Sequence[str],
        sent: Sequence[OutgoingMessage],
        said: asyncio.Future[PublishResult],
    ) -> Noted | None:
        """The same for messages that are on their way: stored as soon as the broker has them all.

        None, and nothing is stored, where it has not, or not soon. A lone command is answered a
        seventh earlier for it.
        """

        async def work(session: Session) -> Noted:
            noted = await self._conclude(session, numbers, sent)
            await asyncio.wait([said], timeout=TAKEN_WITHIN_SECONDS)
            if not said.done() or said.cancelled() or said.result().refused:
                raise _NotTaken
            return noted

        try:
            return await self._database.transact(work)
        except _NotTaken:
            self._ahead_again_at = monotonic() + AHEAD_AGAIN_AFTER_SECONDS
            return None

    async def conclude_ready(self, maximum: int) -> Noted:
        """Looks for operations that can go on though nobody has announced it."""
        return await self._database.transact(lambda on: self._conclude_ready(on, maximum))

    async def _conclude_ready(self, session: Session, maximum: int) -> Noted:
        # Nobody is late whose word may still lie in the queue, after an outage.
        late_by = self._results_read_until(self._clock())
        ready = await find_ready(session, self._lane, late_by, maximum)
        return await self._conclude(session, sorted(ready)) if ready else Noted([], [])

    async def _conclude(
        self, session: Session, numbers: Sequence[str], sent: Sequence[OutgoingMessage] = ()
    ) -> Noted:
        lane, now = self._lane, self._clock()
        known, places = await load_for_conclusion(session, numbers, (lane, sent), now)
        # What was just sent can only complete an operation; whatever else may follow of one is for
        # the sweep to find.
        due = [item for item in numbers if not sent or can_complete(known, item)]
        concluded = advance_all(known, due, now, self._policy)
        return Noted(
            concluded, await write_conclusions(session, WriteContext(lane, places, now), concluded)
        )


def numbers_held_by(messages: Sequence[OutgoingMessage]) -> list[str]:
    """The numbers whose operations wait for any of these, in key order."""
    return sorted({message.phone_number for message in messages if message.holds_operation})
