"""Compares the throughput with grown data and with small data, in the same minutes.

A grown case is compared with a small case whose commands in flight share accounts in the same way:
all of them one account, or none of them any. Commands that share an account wait for its lock,
which has nothing to do with growth.

Each case has a worker of its own, and both run. Turns alternate between them, each from an empty
pipeline to an empty one, so that a slow minute of the machine affects both. Ratios are taken within
a round, and their trimmed mean is the figure. The ratio of processor time varies less than that of
elapsed time.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import NamedTuple

from tests.benchmarks.data.dataset import Dataset, build
from tests.benchmarks.data.sizes import Size
from tests.benchmarks.reporting import floors
from tests.benchmarks.reporting.figures import Figure, Floor, trimmed_mean
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.costs import wait_until_idle
from tests.benchmarks.running.cycle_client import Plan
from tests.benchmarks.running.cycle_runs import CycleRun, running_cycles
from tests.benchmarks.running.queue_run import Run
from tests.benchmarks.subjects import plans
from tests.benchmarks.subjects.backlog import measure_backlog
from tests.benchmarks.subjects.statements import Statements

SMALL = "1,000 numbers"
SMALL_DATASET = Dataset(plain=1000, accounts=1000)
"""Each number has an account of its own."""
ONE_ACCOUNT = "an account with 500"
ONE_ACCOUNT_DATASET = Dataset(plain=1000, accounts=1)
"""Half of the plain numbers are active."""
NUMBERS_OF_AN_ACCOUNT = 20
FIRST_IDS, IDS_OF_A_CASE = 50_000_000, 1_000_000
MILLISECONDS = 1000
GAUGES = "measure_"
"""The prefix of the gauges' queries: sums over all accounts, read at each scrape."""
SUBJECT = "growth"


@dataclass(frozen=True, slots=True)
class Case:
    """A database that all rounds use."""

    name: str
    dataset: Dataset
    database_url: str


class Comparison(NamedTuple):
    """Two cases, and the number of rounds."""

    small: Case
    grown: Case
    rounds: int


class Round(NamedTuple):
    """One turn of each case."""

    small: CycleRun
    grown: CycleRun


async def measure(bench: Bench, size: Size) -> list[Figure]:
    """Measures each grown case in turn with its small one."""
    comparisons = [comparison async for comparison in _comparisons(bench, size)]
    cases = list(
        dict.fromkeys(
            case for comparison in comparisons for case in (comparison.small, comparison.grown)
        )
    )
    bench.log("growth: the databases are filled")
    most_numbers = comparisons[len(size.many_numbers) - 1].grown
    most_rows = comparisons[-1].grown
    statements = {
        case: await plans.record_statements(bench, case.database_url, case.dataset)
        for case in (most_numbers, most_rows)
    }
    before = {case: await plans.whole_reads(case.database_url) for case in cases}
    queued = await measure_backlog(bench, most_numbers.database_url, most_numbers.dataset, size)
    rounds = {
        comparison: await _run_rounds(bench, comparison, size, FIRST_IDS + number * IDS_OF_A_CASE)
        for number, comparison in enumerate(comparisons)
    }
    # After the work, when the statistics overestimate small tables: plans must be right even then.
    figures = [figure for item in statements.items() for figure in await _plans(bench, *item)]
    figures += _backlog_figures(size, queued)
    figures += _figures(rounds)
    figures.append(_whole_reads([await _reads_since(*item) for item in before.items()]))
    return figures


async def _reads_since(case: Case, before: Counter[str]) -> tuple[Case, Counter[str]]:
    """The sequential scans since then of the tables that were large then."""
    now = await plans.whole_reads(case.database_url)
    return case, Counter({table: now[table] for table in before}) - before


def _whole_reads(found: Sequence[tuple[Case, Counter[str]]]) -> Figure:
    total = sum(counted.total() for _, counted in found)
    tables = (
        f"{case.name}: {table} {times:,} times"
        for case, counted in found
        for table, times in counted.items()
    )
    note = "; ".join(tables) or "PostgreSQL's own count, over all runs"
    name = "large tables read from end to end"
    return Figure(SUBJECT, name, total, "times", floors.TABLES_READ_WHOLE, note)


async def _comparisons(bench: Bench, size: Size) -> AsyncIterator[Comparison]:
    small = await _case(bench, SMALL, SMALL_DATASET)
    for count in size.many_numbers:
        in_full_use = count // 10
        dataset = Dataset(count - in_full_use, in_full_use, count // NUMBERS_OF_AN_ACCOUNT)
        grown = await _case(bench, f"{count:,} numbers", dataset)
        yield Comparison(small, grown, size.number_rounds)
    one_account = await _case(bench, ONE_ACCOUNT, ONE_ACCOUNT_DATASET)
    many = replace(ONE_ACCOUNT_DATASET, in_full_use=size.many_active)
    name = f"an account with {size.many_active:,} active numbers"
    yield Comparison(one_account, await _case(bench, name, many), size.growth_rounds)
    rows = replace(SMALL_DATASET, in_full_use=100, ledger_rows=size.many_ledger_rows)
    name = f"{size.many_ledger_rows:,} ledger rows"
    yield Comparison(small, await _case(bench, name, rows), size.growth_rounds)


async def _case(bench: Bench, name: str, dataset: Dataset) -> Case:
    template = "growth_" + "".join(letter for letter in name if letter.isalnum())
    url = await bench.template(template, partial(build, dataset=dataset))
    return Case(name, dataset, url)


async def _run_rounds(
    bench: Bench, comparison: Comparison, size: Size, first_id: int
) -> list[Round]:
    rounds = []
    small, grown = (
        Plan(
            case.dataset,
            bench.seed,
            size.growth_commands,
            size.growth_commands * comparison.rounds,
            first_id,
            # A warm-up would start the clock at the end of a batch, or just after it.
            warm_up=0,
            separate_accounts=case.dataset.accounts > 1,
        )
        for case in (comparison.small, comparison.grown)
    )
    await wait_until_idle()
    async with (
        bench.fresh_queues(comparison.small.database_url) as small_endpoints,
        bench.fresh_queues(comparison.grown.database_url) as grown_endpoints,
        running_cycles(bench, small_endpoints, small, "small") as small_turn,
        running_cycles(bench, grown_endpoints, grown, "grown") as grown_turn,
    ):
        await small_turn()
        await grown_turn()
        for number in range(comparison.rounds):
            # The order alternates, so that neither always runs second.
            order = -1 if number % 2 else 1
            runs = [await turn() for turn in (small_turn, grown_turn)[::order]]
            rounds.append(Round(*runs[::order]))
    _log(bench, comparison, rounds)
    return rounds


def _log(bench: Bench, comparison: Comparison, rounds: Sequence[Round]) -> None:
    grown, small = (
        ", ".join(f"{run.timing.commands_a_second:,.0f}/s" for run in runs)
        for runs in zip(*((item.grown, item.small) for item in rounds), strict=True)
    )
    bench.log(f"growth, {comparison.grown.name}: {grown}; {comparison.small.name}: {small}")


async def _plans(bench: Bench, case: Case, statements: Statements) -> list[Figure]:
    explained = await plans.explain(case.database_url, statements)
    bench.plans[case.name] = [(item.statement, item.steps) for item in explained]
    gauges = [item for item in explained if item.statement.startswith(GAUGES)]
    others = [item for item in explained if item not in gauges]
    suffix = f"that read a large table whole, {case.name}"
    return [
        _read_whole(f"statements {suffix}", others, floors.TABLES_READ_WHOLE),
        _read_whole(f"gauges of the metrics {suffix}", gauges),
    ]


def _read_whole(
    name: str, explained: Sequence[plans.Explained], floor: Floor | None = None
) -> Figure:
    found = [item for item in explained if item.read_whole]
    note = "; ".join(f"{item.statement}: {', '.join(item.read_whole)}" for item in found)
    return Figure(SUBJECT, name, len(found), f"of {len(explained)}", floor, note)


def _figures(compared: Mapping[Comparison, Sequence[Round]]) -> Iterator[Figure]:
    runs: dict[str, list[CycleRun]] = {}
    for comparison, rounds in compared.items():
        runs.setdefault(comparison.small.name, []).extend(item.small for item in rounds)
        runs[comparison.grown.name] = [item.grown for item in rounds]
    for name, of_name in runs.items():
        rate = median(run.timing.commands_a_second for run in of_name)
        yield Figure(SUBJECT, name, rate, "commands/s", note=_processor_times(of_name))
    for comparison, rounds in compared.items():
        name = f"{comparison.grown.name} / {comparison.small.name}"
        rate = trimmed_mean(
            item.grown.timing.commands_a_second / item.small.timing.commands_a_second
            for item in rounds
        )
        yield Figure(SUBJECT, name, rate, "times", floors.GROWTH)
        spent = trimmed_mean(item.grown.milliseconds / item.small.milliseconds for item in rounds)
        yield Figure(SUBJECT, f"processor time, {name}", spent, "times")


def _processor_times(runs: Sequence[CycleRun]) -> str:
    """Processor time for one command: of the worker, the broker and the database."""
    worker, broker, database = (
        median(getattr(run.costs, name) * MILLISECONDS / run.commands for run in runs)
        for name in ("implementation", "broker", "database")
    )
    return f"{worker:.2f} + {broker:.2f} + {database:.2f} ms of processor"


def _backlog_figures(size: Size, rounds: Sequence[tuple[Run, Run]]) -> Iterator[Figure]:
    short, deep = f"{size.backlog_commands:,} queued", f"{size.backlog:,} queued"
    for position, name in enumerate((short, deep)):
        rate = median(runs[position].commands_a_second for runs in rounds)
        yield Figure(SUBJECT, name, rate, "commands/s")
    ratio = trimmed_mean(
        from_deep.commands_a_second / from_short.commands_a_second
        for from_short, from_deep in rounds
    )
    yield Figure(SUBJECT, f"{deep} / {short}", ratio, "times", floors.GROWTH)
    spent = trimmed_mean(
        from_deep.milliseconds / from_short.milliseconds for from_short, from_deep in rounds
    )
    yield Figure(SUBJECT, f"processor time, {deep} / {short}", spent, "times")
    memory = max(from_deep.resident_mebibytes for _, from_deep in rounds)
    yield Figure(SUBJECT, f"resident with {deep}", memory, "MiB", floors.RESIDENT_MEBIBYTES)
