"""How many commands a second: the worker beside the physical limit, and beside its peers.

Everybody who decides writes a line in its log for each command, or more. The threshold belongs to
the peers that handle each message by itself to its end, many side by side. Those with a relay
decide so, and say the events of many messages together: they are the fastest of the three ways, and
are shown without a threshold.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from contracts.values import Operation
from tests.benchmarks import samples
from tests.benchmarks.contestants import (
    AIO_PIKA,
    AIO_PIKA_IN_TWO,
    AIO_PIKA_RELAY,
    FASTSTREAM,
    FASTSTREAM_IN_TWO,
    FASTSTREAM_RELAY,
    Contestant,
    pipelined_probe,
    probe,
    worker,
)
from tests.benchmarks.figures import Figure, Limit, at_least
from tests.benchmarks.peers import schema
from tests.benchmarks.race import Run, race
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.benchmarks.wanted import wanted
from tests.benchmarks.worlds import World, build

OF_THE_LIMIT = {Operation.ACTIVATE: 0.75, Operation.DEACTIVATE: 0.6}
OF_A_PEER = 8
EACH_BY_ITSELF = (FASTSTREAM, AIO_PIKA, FASTSTREAM_IN_TWO, AIO_PIKA_IN_TWO)
"""From a message to its two events they handle each by itself."""
THE_PEERS = (*EACH_BY_ITSELF, FASTSTREAM_RELAY, AIO_PIKA_RELAY)
PROMISES = """\
FastStream and aio-pika: one message, one transaction; its handler then publishes both events and
deletes their rows in another. With two commits they promise what the worker promises: PENDING is
committed and published before ACTIVE is decided. With a relay handlers only store; the events of
many messages are published and deleted together. The probes decide and store nothing. All peers log
a line for each command with the standard library, the worker its usual lines as JSON."""
ONCE = ("pipelined probe", *(peer.name for peer in THE_PEERS if peer not in (FASTSTREAM, AIO_PIKA)))
"""Who takes part in the first round only: nothing is promised, or what is promised is far away."""
WORKERS, PEERS = "throughput", "peers"
"""The databases that are cloned."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Who takes part, on which database, with how many commands."""

    contestant: Contestant
    template: str
    commands: int


async def prepared(stage: Stage, size: Size) -> World:
    """The databases, and the world that is in both."""
    world = World(plain=size.commands * 2, in_full_use=size.commands)
    await stage.template(WORKERS, partial(build, world=world))
    await stage.template(PEERS, partial(schema.build, world=world), migrated=False)
    return world


async def measure(stage: Stage, size: Size) -> list[Figure]:
    """Most of them in turn, again and again; ratios are taken within a round, and their median."""
    world = await prepared(stage, size)
    recorded = await samples.record(stage, WORKERS, world)
    figures: list[Figure] = []
    for operation in Operation:
        # A deactivation says more, and its rate is as steady with fewer.
        count = size.commands if operation is Operation.ACTIVATE else size.commands // 4
        entries = [
            Entry(contestant, WORKERS, count)
            for contestant in (probe(recorded), worker(), pipelined_probe(recorded))
        ]
        if operation is Operation.ACTIVATE:
            entries += [Entry(peer, PEERS, size.peer_commands) for peer in THE_PEERS]
        runs = await _rounds(stage, world, operation, entries, size.rounds)
        figures += _figures(operation, runs)
    stage.notes.append(PROMISES.replace("\n", " "))
    return figures


async def _rounds(
    stage: Stage, world: World, operation: Operation, entries: Sequence[Entry], rounds: int
) -> dict[str, list[Run]]:
    runs = defaultdict(list)
    for past in range(rounds):
        for entry in entries:
            if past and entry.contestant.name in ONCE:
                continue
            commands = wanted(operation, world, entry.commands, stage.seed)
            async with stage.place(entry.template) as place:
                run = await race(stage, place, entry.contestant, commands)
            stage.tell(f"{operation}, {entry.contestant.name}: {run.commands_a_second:,.0f}/s")
            runs[entry.contestant.name].append(run)
    return runs


def _figures(operation: Operation, runs: dict[str, list[Run]]) -> Iterator[Figure]:
    limits: dict[str, Limit | None] = {
        "probe": at_least(OF_THE_LIMIT[operation]),
        **{peer.name: at_least(OF_A_PEER) for peer in EACH_BY_ITSELF},
    }
    for name, of_name in runs.items():
        rate = median(run.commands_a_second for run in of_name)
        spent = _spent(of_name)
        yield Figure(f"throughput, {operation}", name, rate, "commands/s", note=spent)
    for name, of_name in runs.items():
        if name != worker().name:
            ratio = median(
                mine.commands_a_second / its.commands_a_second
                for mine, its in zip(runs[worker().name][: len(of_name)], of_name, strict=True)
            )
            line = f"{worker().name} / {name}"
            note = "one round" if len(of_name) == 1 else ""
            yield Figure(f"throughput, {operation}", line, ratio, "times", limits.get(name), note)


def _spent(runs: Sequence[Run]) -> str:
    """Processor time for one command, own, broker's and database's: steadier than the clock."""
    own, broker, database = (
        median(run.milliseconds_of(getattr(run.costs, name)) for run in runs)
        for name in ("contestant", "broker", "database")
    )
    return f"{own:.2f} + {broker:.2f} + {database:.2f} ms of processor"
