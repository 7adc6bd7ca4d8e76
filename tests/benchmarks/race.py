"""One run: a full queue of commands, a process that carries them out, and its rate."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.broker import (
    COMMANDS,
    EVENTS,
    OUTPUTS,
    Depths,
    Missing,
    everything,
    preload,
)
from tests.benchmarks.contestants import Contestant, running
from tests.benchmarks.costs import Costs, resident_mebibytes
from tests.benchmarks.ledger import verify
from tests.benchmarks.stage import Place, Stage
from tests.benchmarks.wanted import SAID, Command

POLL_SECONDS = 0.02
STALLED_SECONDS = 60
ACKNOWLEDGED_SECONDS = 0.5
"""Off the clock: who is stopped as soon as it has said its last word may lose what it was about to
acknowledge, and a peer's run was thrown away for two commands of a thousand."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to."""

    commands_a_second: float
    costs: Costs
    commands: int
    """To which the costs belong."""
    resident_mebibytes: float

    @property
    def milliseconds(self) -> float:
        """Processor milliseconds for one command, of all that took part."""
        return self.milliseconds_of(self.costs.together)

    def milliseconds_of(self, seconds: float) -> float:
        """Processor milliseconds for one command."""
        return seconds * 1000 / self.commands


async def race(
    stage: Stage,
    place: Place,
    contestant: Contestant,
    commands: Sequence[Command],
    *,
    counted: int | None = None,
    warm_up: int = 0,
) -> Run:
    """Fills the queue, starts the process, and watches until all is said.

    The clock runs from the first look that finds messages, or those of so many commands when it has
    to warm up, to the first that finds all of them, or those of so many as are counted: the others
    stay in the queue.
    Raises `WrongRun` when what was said is not what must be said.
    """
    await asyncio.to_thread(preload, place.amqp_url, commands)
    run, done = await carried_out(
        stage, place, contestant, commands, counted=counted, warm_up=warm_up
    )
    if done < len(commands) and counted is None:
        raise Missing(f"{contestant.name} left {len(commands) - done:,} commands unacknowledged")
    return run


async def carried_out(
    stage: Stage,
    place: Place,
    contestant: Contestant,
    waiting: Sequence[Command],
    *,
    counted: int | None = None,
    warm_up: int = 0,
) -> tuple[Run, int]:
    """The same with a queue that is full already, and how many of the commands were done."""
    log = stage.folder / f"{contestant.name}.log"
    depths = Depths(place.amqp_url)
    async with running(contestant, place.environment, log) as pid:
        run = await asyncio.to_thread(_watched, depths, pid, waiting[:counted], warm_up)
        if counted is None:
            await asyncio.sleep(ACKNOWLEDGED_SECONDS)
    left = depths.of(COMMANDS)
    depths.close()
    # The queue is a queue: those that are left are the last.
    done = waiting[: len(waiting) - left]
    await asyncio.to_thread(lambda: verify(done, everything(place.amqp_url)))
    return run, len(done)


def _watched(depths: Depths, pid: int, commands: Sequence[Command], warm_up: int) -> Run:
    due = sum(len(SAID[command.operation]) for command in commands)
    messages_a_command = due / len(commands)
    first = until_there(depths, max(1, round(warm_up * messages_a_command)))
    before, began = Costs.until_now(pid), time.monotonic()
    # What was there at the first look had been made before the clock ran.
    until_there(depths, due)
    seconds = time.monotonic() - began
    counted = (due - first) / messages_a_command
    costs = Costs.until_now(pid).since(before)
    return Run(counted / seconds, costs, round(counted), resident_mebibytes(pid))


def until_there(depths: Depths, due: int) -> int:
    """How many messages there are, as soon as there are so many."""
    last, before = time.monotonic(), 0
    while True:
        # The others are looked at only when there is little to wait for: looking has a cost.
        there = depths.of(EVENTS)
        if due == 1 or there * len(OUTPUTS) >= due:
            there = depths.outputs()
        if there >= due:
            return there
        if there > before:
            last, before = time.monotonic(), there
        if time.monotonic() > last + STALLED_SECONDS:
            raise Missing(f"{there:,} of {due:,} messages after {STALLED_SECONDS} s of silence")
        time.sleep(POLL_SECONDS)
