"""Throughput when everything has grown, beside the small case, in the same run."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from tests.benchmarks import plans
from tests.benchmarks.backlog import measure_backlog
from tests.benchmarks.cycle import Plan
from tests.benchmarks.cycling import Cycled, cycled
from tests.benchmarks.figures import Figure, at_least, at_most
from tests.benchmarks.race import Run
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.benchmarks.worlds import World, build

SMALL = "1,000 numbers"
SMALL_WORLD = World(plain=1000, accounts=50)
NUMBERS_OF_AN_ACCOUNT = 20
WITHIN = 0.9
MEMORY_MEBIBYTES = 150
FIRST_IDS, IDS_OF_A_ROUND = 50_000_000, 1_000_000
MILLISECONDS = 1000
SUBJECT = "growth"


@dataclass(frozen=True, slots=True)
class Case:
    """A world on a database that stays from round to round."""

    name: str
    world: World
    database_url: str


async def measure(stage: Stage, size: Size) -> list[Figure]:
    """The small case and each grown one in turn; ratios within a round, and their median."""
    cases = [await _case(stage, *item) for item in _worlds(size).items()]
    stage.tell("growth: the databases are filled")
    most = cases[len(size.many_numbers)]
    asked = {case: await _asked(stage, case) for case in (most, cases[-1])}
    before = {case: await plans.whole_reads(case.database_url) for case in cases}
    queued = await measure_backlog(stage, most.database_url, most.world, size)
    rounds = [
        {case.name: await _cycled(stage, case, size, place) for case in _turned(cases, place)}
        for place in range(size.growth_rounds)
    ]
    # Only now: after much work the planner takes small tables for larger than they are.
    figures = [await _plans(stage, *item) for item in asked.items()]
    figures += _backlog_figures(size, queued)
    figures += _figures(rounds)
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


def _turned(cases: Sequence[Case], place: int) -> Sequence[Case]:
    """Another one first in each round: nobody always runs on a rested machine."""
    first = place % len(cases)
    return [*cases[first:], *cases[:first]]


def _worlds(size: Size) -> dict[str, World]:
    worlds = {SMALL: SMALL_WORLD}
    for count in size.many_numbers:
        in_full_use = count // 10
        worlds[f"{count:,} numbers"] = World(
            count - in_full_use, in_full_use, count // NUMBERS_OF_AN_ACCOUNT
        )
    worlds[f"an account with {size.many_active:,} active numbers"] = World(
        SMALL_WORLD.plain, size.many_active, accounts=1
    )
    worlds[f"{size.many_ledger_rows:,} ledger rows"] = World(
        SMALL_WORLD.plain, 100, SMALL_WORLD.accounts, size.many_ledger_rows
    )
    return worlds


async def _case(stage: Stage, name: str, world: World) -> Case:
    template = "growth_" + "".join(letter for letter in name if letter.isalnum())
    url = await stage.template(template, partial(build, world=world))
    return Case(name, world, url)


async def _cycled(stage: Stage, case: Case, size: Size, place: int) -> Cycled:
    plan = Plan(
        case.world,
        stage.seed,
        size.growth_commands,
        size.growth_commands,
        FIRST_IDS + place * IDS_OF_A_ROUND,
    )
    async with stage.beside(case.database_url) as beside:
        found = await cycled(stage, beside, plan)
    stage.tell(f"growth, {case.name}: {found.course.commands_a_second:,.0f}/s")
    return found


async def _asked(stage: Stage, case: Case) -> plans.Asked:
    return await plans.asked(stage, case.database_url, case.world)


async def _plans(stage: Stage, case: Case, asked: plans.Asked) -> Figure:
    explained = await plans.explain(case.database_url, asked)
    bad = [item for item in explained if item.read_whole]
    note = "; ".join(f"{item.statement}: {item.read_whole[0]}" for item in bad)
    name = f"plans that read a large table whole, {case.name}"
    stage.plans[case.name] = [(item.statement, item.steps) for item in explained]
    return Figure(SUBJECT, name, len(bad), f"of {len(explained)}", at_most(0), note)


def _figures(rounds: Sequence[Mapping[str, Cycled]]) -> Iterator[Figure]:
    runs = {name: [of_round[name] for of_round in rounds] for name in rounds[0]}
    rates = {name: [run.course.commands_a_second for run in runs[name]] for name in runs}
    for name, of_name in rates.items():
        yield Figure(SUBJECT, name, median(of_name), "commands/s", note=_spent(runs[name]))
    for name, of_name in rates.items():
        if name != SMALL:
            ratio = median(big / small for big, small in zip(of_name, rates[SMALL], strict=True))
            yield Figure(SUBJECT, f"{name} / {SMALL}", ratio, "times", at_least(WITHIN))


def _spent(runs: Sequence[Cycled]) -> str:
    """Processor time for one command, the worker's own and the database's."""
    own, database = (
        median(getattr(run.costs, name) * MILLISECONDS / run.commands for run in runs)
        for name in ("contestant", "database")
    )
    return f"{own:.2f} + {database:.2f} ms of processor"


def _backlog_figures(size: Size, rounds: Sequence[tuple[Run, Run]]) -> Iterator[Figure]:
    short, long = f"{size.growth_commands:,} queued", f"{size.backlog:,} queued"
    for place, name in enumerate((short, long)):
        rate = median(runs[place].commands_a_second for runs in rounds)
        yield Figure(SUBJECT, name, rate, "commands/s")
    ratio = median(deep.commands_a_second / shallow.commands_a_second for shallow, deep in rounds)
    yield Figure(SUBJECT, f"{long} / {short}", ratio, "times", at_least(WITHIN))
    memory = max(deep.resident_mebibytes for _, deep in rounds)
    yield Figure(SUBJECT, f"resident with {long}", memory, "MiB", at_most(MEMORY_MEBIBYTES))
