"""Several workers that share the partitions: started, and frozen in their shares until measured."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.broker import COMMANDS, until_consumed
from tests.benchmarks.contestants import Contestant, running, worker
from tests.benchmarks.stage import Place, Stage
from worker.broker.partition_queues import queue_names_of
from worker.core.partitions import ROUTER, Layout, assignments, name_of
from worker.telemetry.logs import Action

SHARED_WITHIN_SECONDS = 30
LOOK_AGAIN_SECONDS = 0.1
THE_ROUTER = name_of(ROUTER)
OF_POSTS = b'"leadership_'


@dataclass(frozen=True, slots=True)
class Member:
    """One worker."""

    pid: int
    log: Path

    @property
    def assignments(self) -> frozenset[str]:
        """What it holds, by its own log."""
        held: set[str] = set()
        for line in self.log.read_bytes().splitlines(keepends=True):
            if OF_POSTS in line and line.endswith(b"\n"):
                told = json.loads(line)
                change = held.add if told["action"] == Action.LEADERSHIP_GAINED else held.discard
                change(told["partition"])
        return frozenset(held)


Team = Sequence[Member]


@asynccontextmanager
async def team(stage: Stage, place: Place, partitions: int, workers: int) -> AsyncIterator[Team]:
    """So many workers, once each has its share and every queue its consumer."""
    layout = Layout(partitions, routed=partitions > 1)
    async with AsyncExitStack() as stack:
        members = []
        for number in range(workers):
            log = stage.folder / f"member-{number}.log"
            contestant = Contestant(f"worker {number}", worker().command)
            started = running(contestant, place.environment, log)
            members.append(Member(await stack.enter_async_context(started), log))
        async with asyncio.timeout(SHARED_WITHIN_SECONDS):
            while not _is_shared(members, layout):
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
        for queue in (COMMANDS, *queue_names_of(layout)):
            await until_consumed(place.amqp_url, queue)
        yield members


@contextmanager
def frozen(members: Team) -> Iterator[None]:
    """Nobody works; what fills the queue meanwhile finds it filled when all begin."""
    for member in members:
        os.kill(member.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for member in members:
            os.kill(member.pid, signal.SIGCONT)


def _is_shared(members: Team, layout: Layout) -> bool:
    held = [len(member.assignments) for member in members]
    return sum(held) == len(assignments(layout)) and max(held) - min(held) <= 1
