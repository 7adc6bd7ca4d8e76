"""Several workers that share the partitions."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.running.bench import Bench, Endpoints
from tests.benchmarks.running.broker import COMMANDS, wait_for_consumer
from tests.benchmarks.running.implementations import Implementation, running, worker
from worker.broker.partition_queues import queue_names_of
from worker.core.partitions import ROUTER, Layout, assignments, name_of
from worker.telemetry.logs import Action

SHARED_WITHIN_SECONDS = 60
POLL_SECONDS = 0.1
ROUTER_NAME = name_of(ROUTER)
LEADERSHIP = b'"leadership_'


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """One running worker."""

    pid: int
    log: Path

    @property
    def assignments(self) -> frozenset[str]:
        """The names of its assignments, from its log."""
        held: set[str] = set()
        for line in self.log.read_bytes().splitlines(keepends=True):
            if LEADERSHIP in line and line.endswith(b"\n"):
                entry = json.loads(line)
                change = held.add if entry["action"] == Action.LEADERSHIP_GAINED else held.discard
                change(entry["partition"])
        return frozenset(held)


WorkerGroup = Sequence[WorkerProcess]


@asynccontextmanager
async def worker_group(
    bench: Bench, endpoints: Endpoints, partitions: int, workers: int
) -> AsyncIterator[WorkerGroup]:
    """Runs the workers; yields once assignments are balanced and every queue has a consumer."""
    layout = Layout(partitions, routed=partitions > 1)
    async with AsyncExitStack() as stack:
        members = []
        for number in range(workers):
            log = bench.folder / f"worker-{number}.log"
            implementation = Implementation(f"worker {number}", worker().command)
            started = running(implementation, endpoints.environment, log)
            members.append(WorkerProcess(await stack.enter_async_context(started), log))
        async with asyncio.timeout(SHARED_WITHIN_SECONDS):
            while not _are_balanced(members, layout):
                await asyncio.sleep(POLL_SECONDS)
        for queue in (COMMANDS, *queue_names_of(layout)):
            await wait_for_consumer(endpoints.amqp_url, queue)
        yield members


@contextmanager
def paused(members: WorkerGroup) -> Iterator[None]:
    """Stops all workers inside the block, so that all begin with the same full queue."""
    for member in members:
        os.kill(member.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for member in members:
            os.kill(member.pid, signal.SIGCONT)


def _are_balanced(members: WorkerGroup, layout: Layout) -> bool:
    held = [len(member.assignments) for member in members]
    return sum(held) == len(assignments(layout)) and max(held) - min(held) <= 1
