"""Turns of the two command queues: interactive commands first, bulk commands with the rest."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["BULK_BATCH_COMMANDS", "Turn", "Turns", "any_time"]

BULK_BATCH_COMMANDS: Final = 25
"""The largest batch of bulk commands: an interactive one that arrives meanwhile waits for it."""
INTERACTIVE_COMMANDS_FOR_A_BULK_BATCH: Final = 9 * BULK_BATCH_COMMANDS
"""Bulk commands get at least a tenth, so that they end at some time."""


class Turn:
    """A turn: holds how many commands were handled in it."""

    def __init__(self) -> None:
        self.commands = 0


@asynccontextmanager
async def any_time() -> AsyncIterator[Turn]:
    """A turn at once, for a queue that shares turns with no other."""
    yield Turn()


class Turns:
    """Lets one queue at a time handle a batch.

    The bulk queue takes its turn when no interactive command waits, or after so many of them that
    its share is due.
    """

    def __init__(self, interactive_waits: Callable[[], bool]) -> None:
        """`interactive_waits` says whether an interactive command waits to be handled."""
        self._interactive_waits = interactive_waits
        self._changed = asyncio.Condition()
        self._is_taken = False
        self._bulk_waits = False
        self._ahead = 0
        """Interactive commands that were handled while bulk ones waited, since their last turn."""

    @asynccontextmanager
    async def interactive(self) -> AsyncIterator[Turn]:
        """The next turn for interactive commands."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._is_taken and not self._bulk_is_due)
            self._is_taken = True
        turn = Turn()
        try:
            yield turn
        finally:
            self._ahead = self._ahead + turn.commands if self._bulk_waits else 0
            await self._end()

    @asynccontextmanager
    async def bulk(self) -> AsyncIterator[Turn]:
        """The next turn for bulk commands."""
        self._bulk_waits = True
        try:
            async with self._changed:
                await self._changed.wait_for(self._bulk_may_begin)
                self._is_taken = True
        finally:
            self._bulk_waits = False
        try:
            yield Turn()
        finally:
            self._ahead = 0
            await self._end()

    @property
    def _bulk_is_due(self) -> bool:
        return self._bulk_waits and self._ahead >= INTERACTIVE_COMMANDS_FOR_A_BULK_BATCH

    def _bulk_may_begin(self) -> bool:
        return not self._is_taken and (self._bulk_is_due or not self._interactive_waits())

    async def _end(self) -> None:
        self._is_taken = False
        async with self._changed:
            self._changed.notify_all()
