"""Whether partitions get in each other's way, and what many of them would come to.

On two cores a worker and its two servers leave nothing idle: partitions cannot show a speed-up.
They can show that nothing makes one wait for another: no locks, and no more work for each command.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from contracts.values import Operation
from tests.benchmarks.figures import Figure, at_most
from tests.benchmarks.partition_model import ASSUMPTIONS, Measured, modelled
from tests.benchmarks.partition_runs import Case, PartitionedRun, partitioned, template_of
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.benchmarks.team import THE_ROUTER
from tests.benchmarks.wanted import wanted
from tests.benchmarks.worlds import World

ALONE = Case(1, 1)
APART = Case(2, 3)
"""One worker holds nothing but the router, each of the others one partition."""
LOCK_PERCENT = 5
PERCENT = 100
LOCKS_SHOWN = 3
TIMES = (
    "Time in database sessions is that of pg_stat_database.active_time, waiting included; what"
    " sessions wait for is looked at in pg_stat_activity every 20 ms."
)
SUBJECT = "partitions"

Runs = Mapping[Case, Sequence[PartitionedRun]]


async def measure(stage: Stage, size: Size) -> list[Figure]:
    """All cases in turn, again and again."""
    world = World(size.partition_commands * 2)
    cases = [Case(*counts) for counts in size.partition_cases]
    templates = {case: await template_of(stage, world, case.partitions) for case in cases}
    commands = wanted(Operation.ACTIVATE, world, size.partition_commands, stage.seed)
    runs: dict[Case, list[PartitionedRun]] = defaultdict(list)
    for place in range(size.partition_rounds):
        for case in cases[:: -1 if place % 2 else 1]:
            run = await partitioned(stage, case, templates[case], commands)
            stage.tell(f"partitions, {case.name}: {run.commands_a_second:,.0f}/s")
            runs[case].append(run)
    return [*_measured(runs), *_modelled(stage, runs)]


def _measured(runs: Runs) -> Iterator[Figure]:
    for case, of_case in runs.items():
        rate = median(run.commands_a_second for run in of_case)
        yield Figure(SUBJECT, case.name, rate, "commands/s", note=_spent(of_case))
    for case, of_case in runs.items():
        if case != ALONE:
            both = zip(of_case, runs[ALONE], strict=True)
            ratio = median(run.commands_a_second / one.commands_a_second for run, one in both)
            yield Figure(SUBJECT, f"{case.name} / {ALONE.name}", ratio, "times")
    for case, of_case in runs.items():
        value = median(run.in_sessions for run in of_case)
        name = f"time in database sessions for a command, {case.name}"
        yield Figure(SUBJECT, name, value, "ms", note=_waits(of_case))
    for case, of_case in runs.items():
        share = median(run.sampled.share_of_another for run in of_case) * PERCENT
        name = f"busy sessions that wait for another worker, {case.name}"
        note = f"of {sum(run.sampled.waits.total() for run in of_case):,} looked at"
        yield Figure(SUBJECT, name, share, "%", at_most(LOCK_PERCENT), note)
    for case, of_case in runs.items():
        share = median(run.sampled.own_share for run in of_case) * PERCENT
        name = f"busy sessions that wait for their own worker, {case.name}"
        yield Figure(SUBJECT, name, share, "%", note=_locks(of_case))


def _modelled(stage: Stage, runs: Runs) -> Iterator[Figure]:
    measured = _costs(runs[APART])
    yield Figure(SUBJECT, "processor time of a partition for a command", measured.partition, "ms")
    yield Figure(SUBJECT, "processor time of the router for a command", measured.router, "ms")
    for model in modelled(measured):
        name = f"model: {model.partitions} partitions on enough cores"
        yield Figure(SUBJECT, name, model.commands_a_second, "commands/s", note=model.told)
    stage.notes.append(TIMES)
    used = median(run.used for run in runs[ALONE])
    stage.notes.append(ASSUMPTIONS.replace("\n", " "))
    stage.notes.append(
        f"The only worker of {ALONE.name} used {used:.0%} of a core; the servers had the rest of"
        f" the machine. The model's costs are those of {APART.name}."
    )


def _costs(runs: Sequence[PartitionedRun]) -> Measured:
    alone = frozenset({THE_ROUTER})
    shares = [share for run in runs for share in run.shares]
    return Measured(
        median(share.milliseconds for share in shares if THE_ROUTER not in share.assignments),
        median(share.milliseconds for share in shares if share.assignments == alone),
        median(run.broker for run in runs),
        median(run.database for run in runs),
    )


def _spent(runs: Sequence[PartitionedRun]) -> str:
    """Processor time for one command of each worker, of the broker and of the database."""
    workers = [
        f"{name} {median(run.shares[place].milliseconds for run in runs):.2f}"
        for place, name in enumerate(share.name for share in runs[-1].shares)
    ]
    broker = median(run.broker for run in runs)
    database = median(run.database for run in runs)
    return f"{', '.join(workers)}, broker {broker:.2f}, database {database:.2f} ms of processor"


def _waits(runs: Sequence[PartitionedRun]) -> str:
    """What sessions wait for, most first."""
    waits = sum((run.sampled.waits for run in runs), Counter[str]())
    told = (
        f"{name} {count / waits.total():.0%}"
        for name, count in waits.most_common()
        if count * PERCENT >= waits.total()
    )
    return f"waiting for: {', '.join(told)}"


def _locks(runs: Sequence[PartitionedRun]) -> str:
    """What those asked that waited for a lock, most first."""
    locks = sum((run.sampled.locks for run in runs), Counter[str]())
    return "; ".join(f"{count} {name}" for name, count in locks.most_common(LOCKS_SHOWN))
