"""Two queues share turns: interactive commands first, and at least a tenth for bulk ones."""

import asyncio
from collections import deque

from worker.consuming.ordering.turns import BULK_BATCH_COMMANDS, Turns

BATCH = 200


class Queues:
    """Two queues whose batches are handled in turn; remembers whose commands were handled."""

    def __init__(self, interactive: int, bulk: int) -> None:
        self.interactive, self.bulk = interactive, bulk
        self.handled: deque[str] = deque()
        self.turns = Turns(lambda: self.interactive > 0)

    async def handle_both(self) -> None:
        async with asyncio.timeout(10):
            await asyncio.gather(self.handle_interactive(), self.handle_bulk())

    async def handle_interactive(self) -> None:
        while self.interactive:
            async with self.turns.interactive() as turn:
                turn.commands = min(BATCH, self.interactive)
                self.interactive -= turn.commands
                await self._decide("interactive", turn.commands)

    async def handle_bulk(self) -> None:
        while self.bulk:
            async with self.turns.bulk() as turn:
                turn.commands = min(BULK_BATCH_COMMANDS, self.bulk)
                self.bulk -= turn.commands
                await self._decide("bulk", turn.commands)

    async def _decide(self, kind: str, commands: int) -> None:
        await asyncio.sleep(0)
        self.handled += [kind] * commands


async def test_interactive_commands_go_first_and_bulk_ones_get_a_tenth() -> None:
    queues = Queues(interactive=9_000, bulk=3_000)
    await queues.handle_both()
    handled = list(queues.handled)
    both_wait = handled[: 10 * 1_000]

    for first in range(0, 9_000, 1_000):
        # A batch of 200 may begin before the share is due.
        assert 50 <= both_wait[first : first + 1_200].count("bulk") <= 200
    assert both_wait.count("bulk") >= 800
    assert handled[-2_000:] == ["bulk"] * 2_000


async def test_bulk_commands_have_every_turn_while_no_interactive_one_waits() -> None:
    queues = Queues(interactive=0, bulk=500)
    await queues.handle_both()

    assert list(queues.handled) == ["bulk"] * 500


async def test_an_interactive_command_waits_for_one_bulk_batch() -> None:
    queues = Queues(interactive=0, bulk=1_000)

    async def click() -> None:
        while not queues.handled:
            await asyncio.sleep(0)
        queues.interactive = 1
        await queues.handle_interactive()

    async with asyncio.timeout(10):
        await asyncio.gather(queues.handle_bulk(), click())
    before = list(queues.handled).index("interactive")

    assert before <= 2 * BULK_BATCH_COMMANDS
