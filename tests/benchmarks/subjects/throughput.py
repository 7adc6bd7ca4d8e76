"""Measures commands a second: the worker beside the physical limit and beside its peers.

The floor for peers applies to those with one commit. All implementations that decide write at least
one log line for each command.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from activation_contracts.values import Operation

from tests.benchmarks.data.dataset import Dataset, build
from tests.benchmarks.data.sizes import Size
from tests.benchmarks.data.workload import plan_commands
from tests.benchmarks.peers import schema
from tests.benchmarks.reporting.figures import Figure, Floor
from tests.benchmarks.reporting.floors import PEER, PROBE
from tests.benchmarks.running import samples
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.implementations import (
    AIO_PIKA,
    AIO_PIKA_RELAY,
    AIO_PIKA_TWO_COMMITS,
    FASTSTREAM,
    FASTSTREAM_RELAY,
    FASTSTREAM_TWO_COMMITS,
    Implementation,
    batched_probe,
    probe,
    worker,
)
from tests.benchmarks.running.queue_run import Run, run_full_queue

ONE_COMMIT_PEERS = (FASTSTREAM, AIO_PIKA)
OTHER_PEERS = (FASTSTREAM_TWO_COMMITS, AIO_PIKA_TWO_COMMITS, FASTSTREAM_RELAY, AIO_PIKA_RELAY)
PROMISES = """\
FastStream and aio-pika: one message, one transaction; its handler then publishes both events and
deletes their rows in another. With two commits they promise what the worker promises: PENDING is
committed and published before ACTIVE is decided. With a relay handlers only store; the events of
many messages are published and deleted together. The probes decide and store nothing. All peers log
a line for each command with the standard library, the worker its usual lines as JSON."""
ONLY_FIRST_ROUND = ("batched probe", *(peer.name for peer in OTHER_PEERS))
"""These have no floor."""
WORKERS, PEERS = "throughput", "peers"
"""The template databases."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An implementation with its database and number of commands."""

    implementation: Implementation
    template: str
    commands: int


async def prepare_databases(bench: Bench, size: Size) -> Dataset:
    """Builds both template databases; returns the dataset that both contain."""
    dataset = Dataset(plain=size.commands * 2, in_full_use=size.commands)
    await bench.template(WORKERS, partial(build, dataset=dataset))
    await bench.template(PEERS, partial(schema.build, dataset=dataset), migrated=False)
    return dataset


async def measure(bench: Bench, size: Size) -> list[Figure]:
    """Runs the implementations in turn; ratios are taken within a round, and their median."""
    dataset = await prepare_databases(bench, size)
    recorded = await samples.record(bench, WORKERS, dataset)
    figures: list[Figure] = []
    for operation in Operation:
        # A deactivation has more messages, and its rate is as stable with fewer commands.
        count = size.commands if operation is Operation.ACTIVATE else size.commands // 4
        entries = [
            Entry(implementation, WORKERS, count)
            for implementation in (probe(recorded), worker(), batched_probe(recorded))
        ]
        if operation is Operation.ACTIVATE:
            peers = (*ONE_COMMIT_PEERS, *OTHER_PEERS)
            entries += [Entry(peer, PEERS, size.peer_commands) for peer in peers]
        runs = await _run_rounds(bench, dataset, operation, entries, size.rounds)
        figures += _figures(operation, runs)
    bench.notes.append(PROMISES.replace("\n", " "))
    return figures


async def _run_rounds(
    bench: Bench, dataset: Dataset, operation: Operation, entries: Sequence[Entry], rounds: int
) -> dict[str, list[Run]]:
    runs = defaultdict(list)
    for number in range(rounds):
        for entry in entries:
            name = entry.implementation.name
            if number and name in ONLY_FIRST_ROUND:
                continue
            commands = plan_commands(operation, dataset, entry.commands, bench.seed)
            async with bench.fresh_database(entry.template) as endpoints:
                run = await run_full_queue(bench, endpoints, entry.implementation, commands)
            bench.log(f"{operation}, {name}: {run.commands_a_second:,.0f}/s")
            runs[name].append(run)
    return runs


def _figures(operation: Operation, runs: dict[str, list[Run]]) -> Iterator[Figure]:
    subject = f"throughput, {operation}"
    floors: dict[str, Floor] = {
        "probe": PROBE[operation],
        **{peer.name: PEER for peer in ONE_COMMIT_PEERS},
    }
    for name, of_name in runs.items():
        rate = median(run.commands_a_second for run in of_name)
        yield Figure(subject, name, rate, "commands/s", note=_processor_times(of_name))
    for name, of_name in runs.items():
        if name != worker().name:
            ratio = median(
                of_worker.commands_a_second / other.commands_a_second
                for of_worker, other in zip(
                    runs[worker().name][: len(of_name)], of_name, strict=True
                )
            )
            line = f"{worker().name} / {name}"
            note = "one round" if len(of_name) == 1 else ""
            yield Figure(subject, line, ratio, "times", floors.get(name), note)


def _processor_times(runs: Sequence[Run]) -> str:
    """Processor time for one command: of the implementation, the broker and the database."""
    own, broker, database = (
        median(run.milliseconds_of(getattr(run.costs, name)) for run in runs)
        for name in ("implementation", "broker", "database")
    )
    return f"{own:.2f} + {broker:.2f} + {database:.2f} ms of processor"
