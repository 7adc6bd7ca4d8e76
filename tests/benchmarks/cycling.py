"""A worker that is kept busy by a cycle of commands, and what that costs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.benchmarks.broker import COMMANDS, until_consumed
from tests.benchmarks.contestants import module, running, worker
from tests.benchmarks.costs import Costs, resident_mebibytes
from tests.benchmarks.cycle import Course, Plan
from tests.benchmarks.processes import answering
from tests.benchmarks.stage import Place, Stage

SAMPLE_SECONDS = 0.25
MILLISECONDS = 1000

Samples = list[tuple[float, float]]
"""When, by the machine's monotonic clock, and how many MiB were resident."""


@dataclass(frozen=True, slots=True)
class Cycled:
    """What a cycle came to."""

    course: Course
    costs: Costs
    commands: int
    """To which the costs belong."""
    memory: Samples

    @property
    def milliseconds(self) -> float:
        """Processor time for one command: the worker's, the broker's and the database's."""
        return self.costs.together * MILLISECONDS / self.commands


async def cycled(stage: Stage, place: Place, plan: Plan) -> Cycled:
    """Starts a worker, carries out the plan with it once, and stops it."""
    async with cycling(stage, place, plan) as turn:
        return await turn()


@asynccontextmanager
async def cycling(
    stage: Stage, place: Place, plan: Plan, name: str = "worker"
) -> AsyncIterator[Callable[[], Awaitable[Cycled]]]:
    """A worker that carries out the plan at each call; in between it only waits."""
    file, log = stage.folder / f"{name}.plan", stage.folder / f"{name}.log"
    plan.write(file)
    async with running(worker(), place.environment, log) as pid:
        await until_consumed(place.amqp_url, COMMANDS)
        async with answering(module("cycle", file), place.environment) as ask:

            async def turn() -> Cycled:
                before = Costs.until_now(pid)
                async with sampled(pid) as memory:
                    course = Course(**json.loads(await ask()))
                costs = Costs.until_now(pid).since(before)
                return Cycled(course, costs, plan.commands, memory)

            yield turn


@asynccontextmanager
async def sampled(pid: int) -> AsyncIterator[Samples]:
    """The memory of the process, again and again until the end."""
    samples: Samples = []

    async def run() -> None:
        while True:
            samples.append((time.monotonic(), resident_mebibytes(pid)))
            await asyncio.sleep(SAMPLE_SECONDS)

    task = asyncio.create_task(run())
    try:
        yield samples
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
