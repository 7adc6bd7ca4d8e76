"""Keeps a worker busy with cycles of activations and deactivations, and measures what they cost."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.benchmarks.running.bench import Bench, Endpoints
from tests.benchmarks.running.broker import COMMANDS, wait_for_consumer
from tests.benchmarks.running.costs import Costs, resident_mebibytes
from tests.benchmarks.running.cycle_client import Plan, Timing
from tests.benchmarks.running.implementations import module, running, worker
from tests.benchmarks.running.processes import interactive_process

SAMPLE_SECONDS = 0.25
MILLISECONDS = 1000

MemorySamples = list[tuple[float, float]]
"""Seconds of the machine's monotonic clock, and resident MiB."""


@dataclass(frozen=True, slots=True)
class CycleRun:
    """The result of one turn."""

    timing: Timing
    costs: Costs
    commands: int
    """The number of commands to which the costs belong."""
    memory: MemorySamples

    @property
    def milliseconds(self) -> float:
        """Processor milliseconds for one command, of the worker and the servers together."""
        return self.costs.total * MILLISECONDS / self.commands


async def run_cycle(bench: Bench, endpoints: Endpoints, plan: Plan) -> CycleRun:
    """Runs a worker for one turn of the plan."""
    async with running_cycles(bench, endpoints, plan) as turn:
        return await turn()


@asynccontextmanager
async def running_cycles(
    bench: Bench, endpoints: Endpoints, plan: Plan, name: str = "worker"
) -> AsyncIterator[Callable[[], Awaitable[CycleRun]]]:
    """Runs a worker; each call of what it yields runs one turn of the plan."""
    file, log = bench.folder / f"{name}.plan", bench.folder / f"{name}.log"
    plan.write(file)
    async with running(worker(), endpoints.environment, log) as pid:
        await wait_for_consumer(endpoints.amqp_url, COMMANDS)
        client = module("running.cycle_client", file)
        async with interactive_process(client, endpoints.environment) as ask:

            async def turn() -> CycleRun:
                before = Costs.so_far(pid)
                async with sampled_memory(pid) as memory:
                    timing = Timing(**json.loads(await ask()))
                costs = Costs.so_far(pid).since(before)
                return CycleRun(timing, costs, plan.commands, memory)

            yield turn


@asynccontextmanager
async def sampled_memory(pid: int) -> AsyncIterator[MemorySamples]:
    """Samples the resident size of the process inside the block."""
    samples: MemorySamples = []

    async def sample() -> None:
        while True:
            samples.append((time.monotonic(), resident_mebibytes(pid)))
            await asyncio.sleep(SAMPLE_SECONDS)

    task = asyncio.create_task(sample())
    try:
        yield samples
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
