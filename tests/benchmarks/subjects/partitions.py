"""Measures whether partitions wait for each other, and models the throughput of many of them.

On two cores a worker and the two servers leave no idle time, so partitions cannot raise throughput.
They can show that no partition waits for a lock of another, and what each command costs.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from statistics import median

from activation_contracts.values import Operation

from tests.benchmarks.data.dataset import Dataset, build
from tests.benchmarks.data.sizes import Size
from tests.benchmarks.data.workload import plan_commands
from tests.benchmarks.reporting.figures import Figure
from tests.benchmarks.reporting.floors import BUSY_WAITING_PERCENT
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.worker_group import ROUTER_NAME
from tests.benchmarks.subjects.partition_model import ASSUMPTIONS, PartCosts, modelled
from tests.benchmarks.subjects.partition_runs import Case, PartitionRun, run_partitions

ONE_PARTITION = Case(1, 1)
ONE_PROCESS_EACH = Case(2, 3)
"""One worker holds the router alone, each of the others one partition."""
PERCENT = 100
LOCKS_SHOWN = 3
METHODS = (
    "Time in database sessions is pg_stat_database.active_time, waiting included; waits of sessions"
    " are sampled in pg_stat_activity every 20 ms."
)
TEMPLATE = "partitions"
SUBJECT = "partitions"

Runs = Mapping[Case, Sequence[PartitionRun]]


async def measure(bench: Bench, size: Size) -> list[Figure]:
    """Runs all cases in turn, round after round."""
    dataset = Dataset(size.partition_commands * 2)
    await bench.template(TEMPLATE, partial(build, dataset=dataset))
    cases = [Case(*counts) for counts in size.partition_cases]
    commands = plan_commands(Operation.ACTIVATE, dataset, size.partition_commands, bench.seed)
    runs: dict[Case, list[PartitionRun]] = defaultdict(list)
    for number in range(size.partition_rounds):
        for case in cases[:: -1 if number % 2 else 1]:
            run = await run_partitions(bench, case, TEMPLATE, commands)
            bench.log(f"partitions, {case.name}: {run.commands_a_second:,.0f}/s")
            runs[case].append(run)
    return [*_measured(runs), *_modelled(bench, runs)]


def _measured(runs: Runs) -> Iterator[Figure]:
    for case, of_case in runs.items():
        rate = median(run.commands_a_second for run in of_case)
        yield Figure(SUBJECT, case.name, rate, "commands/s", note=_processor_times(of_case))
    for case, of_case in runs.items():
        if case != ONE_PARTITION:
            pairs = zip(of_case, runs[ONE_PARTITION], strict=True)
            ratio = median(run.commands_a_second / one.commands_a_second for run, one in pairs)
            yield Figure(SUBJECT, f"{case.name} / {ONE_PARTITION.name}", ratio, "times")
    for case, of_case in runs.items():
        value = median(run.in_sessions for run in of_case)
        name = f"time in database sessions for a command, {case.name}"
        yield Figure(SUBJECT, name, value, "ms", note=_waits(of_case))
    for case, of_case in runs.items():
        share = median(run.samples.share_of_another for run in of_case) * PERCENT
        name = f"busy sessions that wait for another worker, {case.name}"
        note = f"of {sum(run.samples.waits.total() for run in of_case):,} samples"
        yield Figure(SUBJECT, name, share, "%", BUSY_WAITING_PERCENT, note)
    for case, of_case in runs.items():
        share = median(run.samples.own_share for run in of_case) * PERCENT
        name = f"busy sessions that wait for their own worker, {case.name}"
        yield Figure(SUBJECT, name, share, "%", note=_locks(of_case))


def _modelled(bench: Bench, runs: Runs) -> Iterator[Figure]:
    costs = _costs(runs[ONE_PROCESS_EACH])
    yield Figure(SUBJECT, "processor time of a partition for a command", costs.partition, "ms")
    yield Figure(SUBJECT, "processor time of the router for a command", costs.router, "ms")
    for model in modelled(costs):
        name = f"model: {model.partitions} partitions on enough cores"
        yield Figure(SUBJECT, name, model.commands_a_second, "commands/s", note=model.note)
    bench.notes.append(METHODS)
    used = median(run.cores_used for run in runs[ONE_PARTITION])
    bench.notes.append(ASSUMPTIONS.replace("\n", " "))
    bench.notes.append(
        f"The only worker of {ONE_PARTITION.name} used {used:.0%} of a core; the servers used the"
        f" rest of the machine. The model uses the costs of {ONE_PROCESS_EACH.name}."
    )


def _costs(runs: Sequence[PartitionRun]) -> PartCosts:
    router_alone = frozenset({ROUTER_NAME})
    shares = [share for run in runs for share in run.shares]
    return PartCosts(
        median(share.milliseconds for share in shares if ROUTER_NAME not in share.assignments),
        median(share.milliseconds for share in shares if share.assignments == router_alone),
        median(run.broker for run in runs),
        median(run.database for run in runs),
    )


def _processor_times(runs: Sequence[PartitionRun]) -> str:
    """Processor time for one command: of each worker, of the broker and of the database."""
    workers = [
        f"{name} {median(run.shares[position].milliseconds for run in runs):.2f}"
        for position, name in enumerate(share.name for share in runs[-1].shares)
    ]
    broker = median(run.broker for run in runs)
    database = median(run.database for run in runs)
    return f"{', '.join(workers)}, broker {broker:.2f}, database {database:.2f} ms of processor"


def _waits(runs: Sequence[PartitionRun]) -> str:
    """What sessions wait for, the most frequent first."""
    waits = sum((run.samples.waits for run in runs), Counter[str]())
    shares = (
        f"{name} {count / waits.total():.0%}"
        for name, count in waits.most_common()
        if count * PERCENT >= waits.total()
    )
    return f"waiting for: {', '.join(shares)}"


def _locks(runs: Sequence[PartitionRun]) -> str:
    """The queries that waited for a lock, the most frequent first."""
    locks = sum((run.samples.locks for run in runs), Counter[str]())
    return "; ".join(f"{count} {name}" for name, count in locks.most_common(LOCKS_SHOWN))
