"""One run with partitions: a full queue, workers that share them, and what each of them did."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tests.benchmarks import worlds
from tests.benchmarks.broker import Depths, everything, preload
from tests.benchmarks.costs import Costs, processor_seconds
from tests.benchmarks.ledger import WrongRun, verify
from tests.benchmarks.partition_sampling import Sampled, sampled, session_seconds
from tests.benchmarks.race import until_there
from tests.benchmarks.stage import Place, Stage
from tests.benchmarks.team import THE_ROUTER, Team, frozen, team
from tests.benchmarks.wanted import SAID, Command
from tests.benchmarks.worlds import SITE, World
from worker.core.partitions import partition_of
from worker.operator.repartition import repartition
from worker.settings import load

MILLISECONDS = 1000
CHANGED_WITHIN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Case:
    """How many partitions, and how many workers share them."""

    partitions: int
    workers: int

    @property
    def name(self) -> str:
        """For people."""
        return f"{_counted(self.partitions, 'partition')}, {_counted(self.workers, 'worker')}"


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker did: those with the router come first."""

    assignments: frozenset[str]
    milliseconds: float
    """Of processor, for each command of its partitions; of all where it has no partition."""

    @property
    def name(self) -> str:
        """For people."""
        return " and ".join(sorted(self.assignments, key=lambda name: (name.isdigit(), name)))


@dataclass(frozen=True, slots=True)
class PartitionedRun:
    """What one run came to; all milliseconds are for one command."""

    commands_a_second: float
    used: float
    """The part of one core that the workers used, on average."""
    shares: tuple[Share, ...]
    broker: float
    database: float
    """Of processor, without what looking cost."""
    in_sessions: float
    """In which a session of the database ran a statement, waiting included."""
    sampled: Sampled


async def template_of(stage: Stage, world: World, partitions: int) -> str:
    """The name of a database with that world and so many partitions."""
    name = f"partitions_{partitions}"
    await stage.template(name, partial(_build, stage, world, partitions))
    return name


async def partitioned(
    stage: Stage, case: Case, template: str, commands: Sequence[Command]
) -> PartitionedRun:
    """Carries out the commands; raises `WrongRun` when what is said is not what must be said."""
    async with stage.place(template) as place:
        before = await session_seconds(place.database_url)
        async with team(stage, place, case.partitions, case.workers) as members:
            assignments = [member.assignments for member in members]
            with frozen(members):
                await asyncio.to_thread(preload, place.amqp_url, commands)
            async with sampled(place.database_url, [member.pid for member in members]) as looked:
                seconds, spent, servers = await asyncio.to_thread(
                    _watched, place, members, commands
                )
            if assignments != [member.assignments for member in members]:
                raise WrongRun("assignments were handed on while they were measured")
        in_sessions = await session_seconds(place.database_url) - before
        await asyncio.to_thread(lambda: verify(commands, everything(place.amqp_url)))
    of_each = MILLISECONDS / len(commands)
    return PartitionedRun(
        len(commands) / seconds,
        sum(spent) / seconds,
        _shares(case, assignments, spent, commands),
        servers.broker * of_each,
        (servers.database - looked.processor_seconds) * of_each,
        in_sessions * of_each,
        looked,
    )


async def _build(stage: Stage, world: World, partitions: int, database_url: str) -> None:
    await worlds.build(database_url, world)
    async with stage.beside(database_url) as place:
        settings = load({"DATABASE_URL": database_url, "AMQP_URL": place.amqp_url})
        if partitions > 1:
            await repartition(
                settings, partitions, wait_seconds=CHANGED_WITHIN_SECONDS, report=lambda _: None
            )


def _watched(
    place: Place, members: Team, commands: Sequence[Command]
) -> tuple[float, list[float], Costs]:
    """How long all of it took, and the processor seconds of each worker and of the servers."""
    depths = Depths(place.amqp_url)
    pids = [member.pid for member in members]
    before, servers = list(map(processor_seconds, pids)), Costs.until_now(pids[0])
    began = time.monotonic()
    until_there(depths, sum(len(SAID[command.operation]) for command in commands))
    seconds = time.monotonic() - began
    depths.close()
    spent = [processor_seconds(pid) - used for pid, used in zip(pids, before, strict=True)]
    return seconds, spent, Costs.until_now(pids[0]).since(servers)


def _shares(
    case: Case,
    assignments: Sequence[frozenset[str]],
    spent: Sequence[float],
    commands: Sequence[Command],
) -> tuple[Share, ...]:
    of_partitions = Counter(
        str(partition_of(f"{command.account_id}/{SITE}", case.partitions)) for command in commands
    )
    found = []
    for held, seconds in zip(assignments, spent, strict=True):
        count = sum(of_partitions[partition] for partition in held) or len(commands)
        found.append(Share(held, seconds * MILLISECONDS / count))
    return tuple(sorted(found, key=lambda share: (THE_ROUTER not in share.assignments, share.name)))


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
