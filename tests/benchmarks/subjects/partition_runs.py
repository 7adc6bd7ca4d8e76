"""One run with partitions: a full queue, and workers that share the partitions."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.data.dataset import SITE
from tests.benchmarks.data.verification import WrongRun, verify
from tests.benchmarks.data.workload import EXPECTED, Command
from tests.benchmarks.running.bench import Bench, Endpoints
from tests.benchmarks.running.broker import QueueDepths, consume_all, preload
from tests.benchmarks.running.costs import Costs, processor_seconds
from tests.benchmarks.running.queue_run import wait_for_messages
from tests.benchmarks.running.worker_group import ROUTER_NAME, WorkerGroup, paused, worker_group
from tests.benchmarks.subjects.partition_sampling import (
    SessionSamples,
    sampled_sessions,
    session_seconds,
)
from worker.core.partitions import partition_of
from worker.operator.partitions.repartition import repartition
from worker.settings import load

MILLISECONDS = 1000
REPARTITION_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Case:
    """A number of partitions, and the number of workers that share them."""

    partitions: int
    workers: int

    @property
    def name(self) -> str:
        """The name in the table."""
        return f"{_counted(self.partitions, 'partition')}, {_counted(self.workers, 'worker')}"


@dataclass(frozen=True, slots=True)
class Share:
    """The assignments of one worker, and their cost."""

    assignments: frozenset[str]
    milliseconds: float
    """Of processor, for each command of its partitions; for each command if it has none."""

    @property
    def name(self) -> str:
        """The assignments as text, the router first."""
        return " and ".join(sorted(self.assignments, key=lambda name: (name.isdigit(), name)))


@dataclass(frozen=True, slots=True)
class PartitionRun:
    """The result of one run; all milliseconds are for one command."""

    commands_a_second: float
    cores_used: float
    """By the workers, on average."""
    shares: tuple[Share, ...]
    """Workers with the router come first."""
    broker: float
    database: float
    """Of processor, without the cost of sampling."""
    in_sessions: float
    """Time in which database sessions ran statements, waiting included."""
    samples: SessionSamples


async def run_partitions(
    bench: Bench, case: Case, template: str, commands: Sequence[Command]
) -> PartitionRun:
    """Sets the number of partitions, starts the workers, and measures until all is published.

    Raises `WrongRun` if the messages are not the expected ones.
    """
    async with bench.fresh_database(template) as endpoints:
        await _set_partitions(endpoints, case.partitions)
        before = await session_seconds(endpoints.database_url)
        async with worker_group(bench, endpoints, case.partitions, case.workers) as members:
            assignments = [member.assignments for member in members]
            with paused(members):
                await asyncio.to_thread(preload, endpoints.amqp_url, commands)
            pids = [member.pid for member in members]
            async with sampled_sessions(endpoints.database_url, pids) as samples:
                seconds, spent, servers = await asyncio.to_thread(
                    _measure, endpoints, members, commands
                )
            if assignments != [member.assignments for member in members]:
                raise WrongRun("assignments moved between workers during the measurement")
        in_sessions = await session_seconds(endpoints.database_url) - before
        await asyncio.to_thread(lambda: verify(commands, consume_all(endpoints.amqp_url)))
    of_each = MILLISECONDS / len(commands)
    return PartitionRun(
        len(commands) / seconds,
        sum(spent) / seconds,
        _shares(case, assignments, spent, commands),
        servers.broker * of_each,
        (servers.database - samples.processor_seconds) * of_each,
        in_sessions * of_each,
        samples,
    )


async def _set_partitions(endpoints: Endpoints, partitions: int) -> None:
    # As `activation-worker partitions N` does: the number can change only while no worker runs.
    settings = load({"DATABASE_URL": endpoints.database_url, "AMQP_URL": endpoints.amqp_url})
    await repartition(settings, partitions, wait_seconds=REPARTITION_SECONDS, report=lambda _: None)


def _measure(
    endpoints: Endpoints, members: WorkerGroup, commands: Sequence[Command]
) -> tuple[float, list[float], Costs]:
    """The elapsed seconds, and the processor seconds of each worker and of the servers."""
    depths = QueueDepths(endpoints.amqp_url)
    pids = [member.pid for member in members]
    before, servers = list(map(processor_seconds, pids)), Costs.so_far(pids[0])
    began = time.monotonic()
    wait_for_messages(depths, sum(len(EXPECTED[command.operation]) for command in commands))
    seconds = time.monotonic() - began
    depths.close()
    spent = [processor_seconds(pid) - used for pid, used in zip(pids, before, strict=True)]
    return seconds, spent, Costs.so_far(pids[0]).since(servers)


def _shares(
    case: Case,
    assignments: Sequence[frozenset[str]],
    spent: Sequence[float],
    commands: Sequence[Command],
) -> tuple[Share, ...]:
    commands_of = Counter(
        str(partition_of(f"{command.account_id}/{SITE}", case.partitions)) for command in commands
    )
    found = []
    for held, seconds in zip(assignments, spent, strict=True):
        count = sum(commands_of[partition] for partition in held) or len(commands)
        found.append(Share(held, seconds * MILLISECONDS / count))
    return tuple(
        sorted(found, key=lambda share: (ROUTER_NAME not in share.assignments, share.name))
    )


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
