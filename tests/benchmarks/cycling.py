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
from tests.benchmarks.processes import finished
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
    """Starts a worker, carries out the plan with it, and stops it."""
    async with cycling(stage, place) as carried_out:
        return await carried_out(plan)


@asynccontextmanager
async def cycling(
    stage: Stage, place: Place, name: str = "worker"
) -> AsyncIterator[Callable[[Plan], Awaitable[Cycled]]]:
    """A worker that carries out one plan after the other; in between it only waits."""
    files = stage.folder / f"{name}.plan", stage.folder / f"{name}.course"
    log = stage.folder / f"{name}.log"
    async with running(worker(), place.environment, log) as pid:
        await until_consumed(place.amqp_url, COMMANDS)

        async def carried_out(plan: Plan) -> Cycled:
            plan.write(files[0])
            before = Costs.until_now(pid)
            async with sampled(pid) as memory:
                await finished(module("cycle", *files), place.environment)
            costs = Costs.until_now(pid).since(before)
            course = Course(**json.loads(files[1].read_bytes()))
            return Cycled(course, costs, plan.commands, memory)

        yield carried_out


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
