"""Throughput, and memory, when far more commands wait than anybody can hold."""

import asyncio

from contracts.values import Operation
from tests.benchmarks import plans
from tests.benchmarks.broker import preload
from tests.benchmarks.contestants import worker
from tests.benchmarks.costs import at_rest
from tests.benchmarks.race import Run, carried_out, race
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.benchmarks.wanted import wanted
from tests.benchmarks.worlds import World

WARM_UP = 600
"""As many as the worker prefetches. What one has left unfinished comes to the next marked as
redelivered, and is counted before it is handled: only a queue that several take from has these."""
SORT = "ra_log_wal:force_roll_over(ra_log_wal)."


async def measure_backlog(
    stage: Stage, database_url: str, world: World, size: Size
) -> list[tuple[Run, Run]]:
    """The same number of commands out of a short queue and out of the longest, in turn."""
    short = size.backlog_rounds * size.backlog_commands
    # Numbers that no earlier command has used, and no later one uses.
    commands = wanted(
        Operation.ACTIVATE, world, short + size.backlog, stage.seed, first=plans.COMMANDS
    )
    waiting = commands[short:]
    rounds = []
    async with stage.beside(database_url) as deep:

        async def from_the_short(place: int) -> Run:
            own = commands[place * size.backlog_commands :][: size.backlog_commands]
            async with stage.beside(database_url) as shallow:
                return await race(stage, shallow, worker(), own, warm_up=WARM_UP)

        async def from_the_long() -> Run:
            nonlocal waiting
            run, done = await carried_out(
                stage, deep, worker(), waiting, counted=size.backlog_commands, warm_up=WARM_UP
            )
            waiting = waiting[done:]
            return run

        await asyncio.to_thread(preload, deep.amqp_url, waiting)
        # What has stood for long is sorted from the common log into the queue's own files. Left to
        # itself the broker did that in the middle of two rounds, at 0.2 and 0.3 ms a command.
        await stage.servers.rabbitmq.control("eval", SORT)
        await at_rest()
        for place in range(size.backlog_rounds):
            queued = len(waiting)
            # Another one first in each round: nobody always follows the other.
            if place % 2:
                run, usual = await from_the_long(), await from_the_short(place)
            else:
                usual, run = await from_the_short(place), await from_the_long()
            _tell(stage, usual, run, queued)
            rounds.append((usual, run))
    return rounds


def _tell(stage: Stage, usual: Run, run: Run, queued: int) -> None:
    stage.tell(f"growth, {queued:,} queued: {_told(run)}, and {_told(usual)} without")


def _told(run: Run) -> str:
    broker = run.milliseconds_of(run.costs.broker)
    return f"{run.commands_a_second:,.0f}/s (broker {broker:.2f} of {run.milliseconds:.2f} ms)"
