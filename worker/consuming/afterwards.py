"""What is done with decided messages once their answers have had the time to leave."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from worker.broker.delivery import Delivery
from worker.consuming.consumer import Consumer

__all__ = ["Afterwards"]

ANSWER_SECONDS: Final = 0.005
"""So long does what is told and acknowledged of a lone command make way for its answer, which needs
about as long: it leaves one part in twenty earlier."""


class Afterwards:
    """Tells of what was decided, in its order, and acknowledges it, beside the next messages."""

    def __init__(self, inbox: Consumer) -> None:
        self._inbox = inbox
        self._untold: deque[Callable[[], None]] = deque()
        self._unsettled: list[Delivery] = []
        self._at_once = asyncio.Event()

    @property
    def is_due(self) -> bool:
        """Whether there is something for which somebody must call `finish`, or has."""
        return bool(self._unsettled)

    def add(self, tell: Callable[[], None], deliveries: Sequence[Delivery]) -> None:
        """Takes note of what was decided: to be told of, and acknowledged."""
        # Where there is more to do, or the broker waits for it, nothing is gained by making way.
        if self._unsettled or len(deliveries) > 1 or self._inbox.waiting or self._inbox.is_full:
            self._at_once.set()
        self._untold.append(tell)
        self._unsettled += deliveries

    def tell(self) -> None:
        """Tells at once what is untold: whoever tells what followed of it calls this before."""
        while self._untold:
            self._untold.popleft()()

    async def finish(self) -> None:
        """Makes way; then tells and acknowledges all that was added until then.

        Raises `BrokerUnavailable` when the channel is gone.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._at_once.wait()
        self._at_once.clear()
        try:
            self.tell()
        finally:
            # It is stored, whether anybody can be told or not.
            deliveries, self._unsettled = self._unsettled, []
            await self._inbox.settle(deliveries)
