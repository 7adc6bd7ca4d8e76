"""Throughput, and memory, when far more commands wait than anybody can hold."""

from contracts.values import Operation
from tests.benchmarks import plans
from tests.benchmarks.contestants import worker
from tests.benchmarks.race import Run, race
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.benchmarks.wanted import wanted
from tests.benchmarks.worlds import World

ROUNDS_AT_MOST = 2
"""Each takes numbers that no earlier one has used."""


async def measure_backlog(
    stage: Stage, database_url: str, world: World, size: Size
) -> list[tuple[Run, Run]]:
    """The same number of commands out of a short queue and out of the longest, in turn."""
    first = plans.COMMANDS
    rounds = []
    for _ in range(min(size.growth_rounds, ROUNDS_AT_MOST)):
        runs = []
        for queued in (size.growth_commands, size.backlog):
            commands = wanted(Operation.ACTIVATE, world, queued, stage.seed, first)
            first += queued
            async with stage.beside(database_url) as place:
                run = await race(stage, place, worker(), commands, counted=size.growth_commands)
            stage.tell(f"{queued:,} queued: {run.commands_a_second:,.0f}/s")
            runs.append(run)
        rounds.append((runs[0], runs[1]))
    return rounds
