"""Throughput and memory with a backlog that no process can hold in memory."""

import asyncio

from activation_contracts.values import Operation

from tests.benchmarks.data.dataset import Dataset
from tests.benchmarks.data.sizes import Size
from tests.benchmarks.data.workload import plan_commands
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.broker import preload
from tests.benchmarks.running.costs import wait_until_idle
from tests.benchmarks.running.implementations import worker
from tests.benchmarks.running.queue_run import Run, drain, run_full_queue
from tests.benchmarks.subjects import plans

WARM_UP = 600
"""The worker's prefetch. What a stopped worker leaves unacknowledged is redelivered to the next one
and counted before it is handled; only the deep queue, read by several workers, has such commands.
"""
SORT_QUEUE = "ra_log_wal:force_roll_over(ra_log_wal)."


async def measure_backlog(
    bench: Bench, database_url: str, dataset: Dataset, size: Size
) -> list[tuple[Run, Run]]:
    """Takes the same number of commands from a short and from a deep queue, in turn."""
    short = size.backlog_rounds * size.backlog_commands
    # Numbers that no command before or after this subject uses.
    commands = plan_commands(
        Operation.ACTIVATE, dataset, short + size.backlog, bench.seed, first=plans.COMMANDS
    )
    waiting = commands[short:]
    rounds = []
    async with bench.fresh_queues(database_url) as deep:

        async def from_short_queue(number: int) -> Run:
            own = commands[number * size.backlog_commands :][: size.backlog_commands]
            async with bench.fresh_queues(database_url) as shallow:
                return await run_full_queue(bench, shallow, worker(), own, warm_up=WARM_UP)

        async def from_deep_queue() -> Run:
            nonlocal waiting
            run, done = await drain(
                bench, deep, worker(), waiting, counted=size.backlog_commands, warm_up=WARM_UP
            )
            waiting = waiting[done:]
            return run

        await asyncio.to_thread(preload, deep.amqp_url, waiting)
        # The broker moves older messages from the common log into the queue's own files. Without
        # this call it did so during two rounds, which cost 0.2 and 0.3 ms a command.
        await bench.servers.rabbitmq.control("eval", SORT_QUEUE)
        await wait_until_idle()
        for number in range(size.backlog_rounds):
            queued = len(waiting)
            # The order alternates, so that neither always runs second.
            if number % 2:
                from_deep, from_short = await from_deep_queue(), await from_short_queue(number)
            else:
                from_short, from_deep = await from_short_queue(number), await from_deep_queue()
            bench.log(
                f"growth, {queued:,} queued: {_describe(from_deep)};"
                f" short queue: {_describe(from_short)}"
            )
            rounds.append((from_short, from_deep))
    return rounds


def _describe(run: Run) -> str:
    broker = run.milliseconds_of(run.costs.broker)
    return f"{run.commands_a_second:,.0f}/s (broker {broker:.2f} of {run.milliseconds:.2f} ms)"
