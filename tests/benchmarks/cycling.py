"""A worker that is kept busy by a cycle of commands, and what that costs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.benchmarks.broker import COMMANDS, until_consumed
from tests.benchmarks.contestants import module, running, worker
from tests.benchmarks.costs import Costs, resident_mebibytes
from tests.benchmarks.cycle import Course, Plan
from tests.benchmarks.processes import finished
from tests.benchmarks.stage import Place, Stage

SAMPLE_SECONDS = 0.25

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


async def cycled(stage: Stage, place: Place, plan: Plan) -> Cycled:
    """Starts a worker, carries out the plan with it, and stops it."""
    planned, course = stage.folder / "cycle.plan", stage.folder / "cycle.course"
    plan.write(planned)
    log = stage.folder / "worker.log"
    async with running(worker(), place.environment, log) as pid:
        await until_consumed(place.amqp_url, COMMANDS)
        before = Costs.until_now(pid)
        async with sampled(pid) as memory:
            await finished(module("cycle", planned, course), place.environment)
        costs = Costs.until_now(pid).since(before)
    return Cycled(Course(**json.loads(course.read_bytes())), costs, plan.commands, memory)


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
