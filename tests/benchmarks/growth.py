"""Throughput when something has grown, beside what has not, in the same minutes.

A grown case is compared with a small one in which the commands that are under way share an account
as they do in the grown: all of them, or none. Those that share one are counted together, and wait
for each other, which has nothing to do with growth.

Either has a worker of its own, both running; commands are given to one and then to the other, again
and again, from an empty pipeline to an empty one. So nothing that makes the machine faster or
slower for longer than some seconds makes a difference between them. The ratio is taken within each
round, and of all rounds the middle; so is that of processor time, which swings less than the clock.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import NamedTuple

from tests.benchmarks import plans
from tests.benchmarks.asking import Asked
from tests.benchmarks.backlog import measure_backlog
from tests.benchmarks.costs import at_rest
from tests.benchmarks.cycle import Plan
from tests.benchmarks.cycling import Cycled, cycling
from tests.benchmarks.figures import Figure, Limit, at_least, at_most, middle
from tests.benchmarks.race import Run
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.benchmarks.worlds import World, build

SMALL = "1,000 numbers"
SMALL_WORLD = World(plain=1000, accounts=1000)
"""Of an account each."""
ALONE = "an account with 500"
ALONE_WORLD = World(plain=1000, accounts=1)
"""Half of the plain numbers are active."""
NUMBERS_OF_AN_ACCOUNT = 20
WITHIN = 0.9
MEMORY_MEBIBYTES = 150
FIRST_IDS, IDS_OF_A_CASE = 50_000_000, 1_000_000
MILLISECONDS = 1000
GAUGES = "measure_"
"""So begin the names of what the metrics ask: sums over all accounts, read by whoever looks."""
SUBJECT = "growth"


@dataclass(frozen=True, slots=True)
class Case:
    """A world on a database that stays from round to round."""

    name: str
    world: World
    database_url: str


class Growth(NamedTuple):
    """What is compared with what, and how often."""

    small: Case
    grown: Case
    rounds: int


class Compared(NamedTuple):
    """One round."""

    small: Cycled
    grown: Cycled


async def measure(stage: Stage, size: Size) -> list[Figure]:
    """Each grown case beside its small one."""
    growths = [growth async for growth in _growths(stage, size)]
    cases = list(dict.fromkeys(case for growth in growths for case in (growth.small, growth.grown)))
    stage.tell("growth: the databases are filled")
    most, most_rows = growths[len(size.many_numbers) - 1].grown, growths[-1].grown
    asked = {case: await _asked(stage, case) for case in (most, most_rows)}
    before = {case: await plans.whole_reads(case.database_url) for case in cases}
    queued = await measure_backlog(stage, most.database_url, most.world, size)
    compared = {
        growth: await _compared(stage, growth, size, FIRST_IDS + place * IDS_OF_A_CASE)
        for place, growth in enumerate(growths)
    }
    # Only now: after much work the planner takes small tables for larger than they are.
    figures = [figure for item in asked.items() for figure in await _plans(stage, *item)]
    figures += _backlog_figures(size, queued)
    figures += _figures(compared)
    figures.append(_whole_reads([await _read_since(*item) for item in before.items()]))
    return figures


async def _read_since(case: Case, before: Counter[str]) -> tuple[Case, Counter[str]]:
    """How often the tables were read whole that were large before all runs."""
    now = await plans.whole_reads(case.database_url)
    return case, Counter({table: now[table] for table in before}) - before


def _whole_reads(found: Sequence[tuple[Case, Counter[str]]]) -> Figure:
    total = sum(counted.total() for _, counted in found)
    told = (
        f"{case.name}: {table} {times:,} times"
        for case, counted in found
        for table, times in counted.items()
    )
    note = "; ".join(told) or "PostgreSQL's own count, over all runs"
    return Figure(SUBJECT, "large tables read from end to end", total, "times", at_most(0), note)


async def _growths(stage: Stage, size: Size) -> AsyncIterator[Growth]:
    small = await _case(stage, SMALL, SMALL_WORLD)
    for count in size.many_numbers:
        in_full_use = count // 10
        world = World(count - in_full_use, in_full_use, count // NUMBERS_OF_AN_ACCOUNT)
        grown = await _case(stage, f"{count:,} numbers", world)
        yield Growth(small, grown, size.number_rounds)
    alone = await _case(stage, ALONE, ALONE_WORLD)
    many = replace(ALONE_WORLD, in_full_use=size.many_active)
    name = f"an account with {size.many_active:,} active numbers"
    yield Growth(alone, await _case(stage, name, many), size.growth_rounds)
    rows = replace(SMALL_WORLD, in_full_use=100, ledger_rows=size.many_ledger_rows)
    name = f"{size.many_ledger_rows:,} ledger rows"
    yield Growth(small, await _case(stage, name, rows), size.growth_rounds)


async def _case(stage: Stage, name: str, world: World) -> Case:
    template = "growth_" + "".join(letter for letter in name if letter.isalnum())
    url = await stage.template(template, partial(build, world=world))
    return Case(name, world, url)


async def _compared(stage: Stage, growth: Growth, size: Size, first_id: int) -> list[Compared]:
    rounds = []
    small, grown = (
        Plan(
            case.world,
            stage.seed,
            size.growth_commands,
            size.growth_commands * growth.rounds,
            first_id,
            # A clock that waits for answers starts with a batch or just after it.
            warm_up=0,
            apart=case.world.accounts > 1,
        )
        for case in (growth.small, growth.grown)
    )
    await at_rest()
    async with (
        stage.beside(growth.small.database_url) as small_place,
        stage.beside(growth.grown.database_url) as grown_place,
        cycling(stage, small_place, small, "small") as with_small,
        cycling(stage, grown_place, grown, "grown") as with_grown,
    ):
        await with_small()
        await with_grown()
        for place in range(growth.rounds):
            # Another one first in each round: nobody always follows the other.
            turn = -1 if place % 2 else 1
            runs = [await carried_out() for carried_out in (with_small, with_grown)[::turn]]
            rounds.append(Compared(*runs[::turn]))
    _tell(stage, growth, rounds)
    return rounds


def _tell(stage: Stage, growth: Growth, rounds: Sequence[Compared]) -> None:
    grown, small = (
        ", ".join(f"{run.course.commands_a_second:,.0f}/s" for run in runs)
        for runs in zip(*((item.grown, item.small) for item in rounds), strict=True)
    )
    stage.tell(f"growth, {growth.grown.name}: {grown}; {growth.small.name}: {small}")


async def _asked(stage: Stage, case: Case) -> Asked:
    return await plans.asked(stage, case.database_url, case.world)


async def _plans(stage: Stage, case: Case, asked: Asked) -> list[Figure]:
    explained = await plans.explain(case.database_url, asked)
    stage.plans[case.name] = [(item.statement, item.steps) for item in explained]
    gauges = [item for item in explained if item.statement.startswith(GAUGES)]
    others = [item for item in explained if item not in gauges]
    whole = f"that read a large table whole, {case.name}"
    return [
        _read_whole(f"statements {whole}", others, at_most(0)),
        _read_whole(f"gauges of the metrics {whole}", gauges),
    ]


def _read_whole(
    name: str, explained: Sequence[plans.Explained], limit: Limit | None = None
) -> Figure:
    bad = [item for item in explained if item.read_whole]
    note = "; ".join(f"{item.statement}: {', '.join(item.read_whole)}" for item in bad)
    return Figure(SUBJECT, name, len(bad), f"of {len(explained)}", limit, note)


def _figures(compared: Mapping[Growth, Sequence[Compared]]) -> Iterator[Figure]:
    runs: dict[str, list[Cycled]] = {}
    for growth, rounds in compared.items():
        runs.setdefault(growth.small.name, []).extend(item.small for item in rounds)
        runs[growth.grown.name] = [item.grown for item in rounds]
    for name, of_name in runs.items():
        rate = median(run.course.commands_a_second for run in of_name)
        yield Figure(SUBJECT, name, rate, "commands/s", note=_spent(of_name))
    for growth, rounds in compared.items():
        name = f"{growth.grown.name} / {growth.small.name}"
        rate = middle(
            item.grown.course.commands_a_second / item.small.course.commands_a_second
            for item in rounds
        )
        yield Figure(SUBJECT, name, rate, "times", at_least(WITHIN))
        spent = middle(item.grown.milliseconds / item.small.milliseconds for item in rounds)
        yield Figure(SUBJECT, f"processor time, {name}", spent, "times")


def _spent(runs: Sequence[Cycled]) -> str:
    """Processor time for one command: the worker's own, the broker's and the database's."""
    own, broker, database = (
        median(getattr(run.costs, name) * MILLISECONDS / run.commands for run in runs)
        for name in ("contestant", "broker", "database")
    )
    return f"{own:.2f} + {broker:.2f} + {database:.2f} ms of processor"


def _backlog_figures(size: Size, rounds: Sequence[tuple[Run, Run]]) -> Iterator[Figure]:
    short, long = f"{size.backlog_commands:,} queued", f"{size.backlog:,} queued"
    for place, name in enumerate((short, long)):
        rate = median(runs[place].commands_a_second for runs in rounds)
        yield Figure(SUBJECT, name, rate, "commands/s")
    ratio = middle(deep.commands_a_second / shallow.commands_a_second for shallow, deep in rounds)
    yield Figure(SUBJECT, f"{long} / {short}", ratio, "times", at_least(WITHIN))
    spent = middle(deep.milliseconds / shallow.milliseconds for shallow, deep in rounds)
    yield Figure(SUBJECT, f"processor time, {long} / {short}", spent, "times")
    memory = max(deep.resident_mebibytes for _, deep in rounds)
    yield Figure(SUBJECT, f"resident with {long}", memory, "MiB", at_most(MEMORY_MEBIBYTES))
