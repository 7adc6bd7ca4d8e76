"""One run: a full queue of commands, one implementation that handles them, and its rate."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.data.verification import verify
from tests.benchmarks.data.workload import EXPECTED, Command
from tests.benchmarks.running.bench import Bench, Endpoints
from tests.benchmarks.running.broker import (
    COMMANDS,
    EVENTS,
    OUTPUTS,
    MessagesMissing,
    QueueDepths,
    consume_all,
    preload,
)
from tests.benchmarks.running.costs import Costs, resident_mebibytes
from tests.benchmarks.running.implementations import Implementation, running

POLL_SECONDS = 0.02
STALLED_SECONDS = 60
LAST_ACK_SECONDS = 0.5
"""After the clock has stopped: an implementation that is stopped at its last message may not have
acknowledged its last commands yet."""


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one run."""

    commands_a_second: float
    costs: Costs
    commands: int
    """The number of commands to which the costs belong."""
    resident_mebibytes: float

    @property
    def milliseconds(self) -> float:
        """Processor milliseconds for one command, of implementation and servers together."""
        return self.milliseconds_of(self.costs.total)

    def milliseconds_of(self, seconds: float) -> float:
        """The given seconds of processor, in milliseconds for one command."""
        return seconds * 1000 / self.commands


async def run_full_queue(
    bench: Bench,
    endpoints: Endpoints,
    implementation: Implementation,
    commands: Sequence[Command],
    *,
    counted: int | None = None,
    warm_up: int = 0,
) -> Run:
    """Fills the queue, starts the implementation, and measures until all messages are published.

    The clock starts when the first message is found, or those of `warm_up` commands. It stops when
    all messages are found, or those of `counted` commands; the rest stays in the queue. Raises
    `WrongRun` if the messages are not the expected ones.
    """
    await asyncio.to_thread(preload, endpoints.amqp_url, commands)
    run, done = await drain(
        bench, endpoints, implementation, commands, counted=counted, warm_up=warm_up
    )
    if done < len(commands) and counted is None:
        left = len(commands) - done
        raise MessagesMissing(f"{implementation.name} left {left:,} commands unacknowledged")
    return run


async def drain(
    bench: Bench,
    endpoints: Endpoints,
    implementation: Implementation,
    waiting: Sequence[Command],
    *,
    counted: int | None = None,
    warm_up: int = 0,
) -> tuple[Run, int]:
    """The same for a queue that is full already; also returns how many commands are done."""
    log = bench.folder / f"{implementation.name}.log"
    depths = QueueDepths(endpoints.amqp_url)
    async with running(implementation, endpoints.environment, log) as pid:
        run = await asyncio.to_thread(_measure, depths, pid, waiting[:counted], warm_up)
        if counted is None:
            await asyncio.sleep(LAST_ACK_SECONDS)
    left = depths.of(COMMANDS)
    depths.close()
    # The queue keeps its order: the remaining commands are the last ones.
    done = waiting[: len(waiting) - left]
    await asyncio.to_thread(lambda: verify(done, consume_all(endpoints.amqp_url)))
    return run, len(done)


def _measure(depths: QueueDepths, pid: int, commands: Sequence[Command], warm_up: int) -> Run:
    due = sum(len(EXPECTED[command.operation]) for command in commands)
    messages_a_command = due / len(commands)
    first = wait_for_messages(depths, max(1, round(warm_up * messages_a_command)))
    before, began = Costs.so_far(pid), time.monotonic()
    # The messages of the first look were published before the clock started.
    wait_for_messages(depths, due)
    seconds = time.monotonic() - began
    counted = (due - first) / messages_a_command
    costs = Costs.so_far(pid).since(before)
    return Run(counted / seconds, costs, round(counted), resident_mebibytes(pid))


def wait_for_messages(depths: QueueDepths, due: int) -> int:
    """Waits until this many messages are in the output queues; returns how many there are."""
    last, before = time.monotonic(), 0
    while True:
        # Polling has a cost, so the other queues are asked only near the end.
        found = depths.of(EVENTS)
        if due == 1 or found * len(OUTPUTS) >= due:
            found = depths.outputs()
        if found >= due:
            return found
        if found > before:
            last, before = time.monotonic(), found
        if time.monotonic() > last + STALLED_SECONDS:
            raise MessagesMissing(
                f"{found:,} of {due:,} messages, and no further one in {STALLED_SECONDS} s"
            )
        time.sleep(POLL_SECONDS)
