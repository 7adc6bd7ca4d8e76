"""Measures the worker's resident size: over many commands, and with large messages."""

import asyncio
from functools import partial

from activation_contracts.values import Operation

from tests.benchmarks.data.dataset import Dataset, build
from tests.benchmarks.data.sizes import Size
from tests.benchmarks.data.workload import plan_commands
from tests.benchmarks.reporting.figures import Figure
from tests.benchmarks.reporting.floors import FLAT_MEMORY, RESIDENT_MEBIBYTES
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.broker import OUTPUTS, preload
from tests.benchmarks.running.cycle_client import Plan
from tests.benchmarks.running.cycle_runs import run_cycle, sampled_memory
from tests.benchmarks.running.implementations import running, worker
from tests.benchmarks.running.samples import wait_for_outputs

NUMBERS = 10_000
LARGEST_PADDING, HUGE_PADDING = 65_000, 1 << 20
DEAD_LETTERS = "telephony.phone_number.commands.dead_letter"
TEMPLATE = "memory"
SUBJECT = "memory"


async def measure(bench: Bench, size: Size) -> list[Figure]:
    """Cycles over the same numbers; then a backlog of large messages."""
    dataset = Dataset(NUMBERS)
    await bench.template(TEMPLATE, partial(build, dataset=dataset))
    return [*await _over_time(bench, size, dataset), *await _large(bench, size, dataset)]


async def _over_time(bench: Bench, size: Size, dataset: Dataset) -> list[Figure]:
    plan = Plan(dataset, bench.seed, size.memory_commands, NUMBERS)
    async with bench.fresh_database(TEMPLATE) as endpoints:
        run = await run_cycle(bench, endpoints, plan)
    warm = [used for at, used in run.memory if at <= run.timing.warm_at][-1]
    later = [used for at, used in run.memory if at > run.timing.warm_at]
    count = f"{size.memory_commands:,} commands"
    bench.log(f"memory, {count}: {warm:.1f} MiB when warm, {later[-1]:.1f} MiB at the end")
    bench.memory[count] = run.memory
    return [
        Figure(SUBJECT, f"after a tenth of {count}", warm, "MiB"),
        Figure(SUBJECT, f"after {count}", later[-1], "MiB", RESIDENT_MEBIBYTES),
        Figure(SUBJECT, "highest in between", max(later), "MiB", RESIDENT_MEBIBYTES),
        Figure(SUBJECT, "at the end / after a tenth", later[-1] / warm, "times", FLAT_MEMORY),
        Figure(SUBJECT, "rate during the run", run.timing.commands_a_second, "commands/s"),
    ]


async def _large(bench: Bench, size: Size, dataset: Dataset) -> list[Figure]:
    """The largest messages that are read, and larger ones that are dead-lettered unread."""
    found = []
    for kind, count, padding, queues, messages in (
        ("64 KiB", size.large_messages, LARGEST_PADDING, OUTPUTS, 2),
        ("1 MiB", size.huge_messages, HUGE_PADDING, (DEAD_LETTERS,), 1),
    ):
        commands = plan_commands(Operation.ACTIVATE, dataset, count, bench.seed)
        async with bench.fresh_database(TEMPLATE) as endpoints:
            await asyncio.to_thread(preload, endpoints.amqp_url, commands, padding)
            log = bench.folder / "worker.log"
            async with (
                running(worker(), endpoints.environment, log) as pid,
                sampled_memory(pid) as memory,
            ):
                await wait_for_outputs(endpoints.amqp_url, count * messages, queues)
        highest = max(used for _, used in memory)
        name = f"highest with {count:,} commands of {kind} waiting"
        bench.log(f"memory, {name}: {highest:.1f} MiB")
        found.append(Figure(SUBJECT, name, highest, "MiB", RESIDENT_MEBIBYTES))
    return found
