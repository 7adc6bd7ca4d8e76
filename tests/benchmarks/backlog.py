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
        await asyncio.to_thread(preload, deep.amqp_url, waiting)
        await at_rest()
        for place in range(size.backlog_rounds):
            first = place * size.backlog_commands
            own = commands[first : first + size.backlog_commands]
            async with stage.beside(database_url) as shallow:
                usual = await race(stage, shallow, worker(), own)
            run, done = await carried_out(stage, deep, worker(), waiting, size.backlog_commands)
            _tell(stage, usual, run, len(waiting))
            waiting = waiting[done:]
            rounds.append((usual, run))
    return rounds


def _tell(stage: Stage, usual: Run, run: Run, queued: int) -> None:
    stage.tell(f"growth, {queued:,} queued: {_told(run)}, and {_told(usual)} without")


def _told(run: Run) -> str:
    broker = run.milliseconds_of(run.costs.broker)
    return f"{run.commands_a_second:,.0f}/s (broker {broker:.2f} of {run.milliseconds:.2f} ms)"
