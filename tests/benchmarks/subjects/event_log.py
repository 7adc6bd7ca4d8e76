"""Measures what the event log costs: worker and probe, each with the log and without it.

The probe publishes through the same exchange, so the broker copies its events to the log too.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import NamedTuple

from activation_contracts.topology import EVENT_LOG_DAYS
from activation_contracts.values import Operation

from tests.benchmarks.data.dataset import Dataset, build
from tests.benchmarks.data.sizes import Size
from tests.benchmarks.data.workload import plan_commands
from tests.benchmarks.reporting.figures import Figure
from tests.benchmarks.running import samples
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.implementations import probe, worker
from tests.benchmarks.running.queue_run import Run, run_full_queue

SUBJECT = "event log"
TEMPLATE = "event_log"
LOGS = {"with the log": EVENT_LOG_DAYS, "without": 0}
WITH, WITHOUT = LOGS


class Case(NamedTuple):
    """An implementation, and whether the events are logged."""

    implementation: str
    log: str


Runs = dict[Case, list[Run]]


async def measure(bench: Bench, size: Size) -> list[Figure]:
    """Runs the four cases in turn; ratios are taken within a round, and their median."""
    dataset = Dataset(plain=size.commands * 2, in_full_use=1)
    await bench.template(TEMPLATE, partial(build, dataset=dataset))
    recorded = await samples.record(bench, TEMPLATE, dataset)
    commands = plan_commands(Operation.ACTIVATE, dataset, size.commands, bench.seed)
    runs: Runs = defaultdict(list)
    for number in range(size.rounds):
        for implementation in (probe(recorded), worker()):
            # Whatever comes second in a round comes first in the next one.
            for log in [*LOGS][:: -1 if number % 2 else 1]:
                async with bench.fresh_database(TEMPLATE, LOGS[log]) as endpoints:
                    run = await run_full_queue(bench, endpoints, implementation, commands)
                bench.log(f"{implementation.name}, {log}: {run.commands_a_second:,.0f}/s")
                runs[Case(implementation.name, log)].append(run)
    return [*_rates(runs), *_ratios(runs)]


def _rates(runs: Runs) -> Iterator[Figure]:
    for case, of_case in runs.items():
        rate = median(run.commands_a_second for run in of_case)
        broker = median(run.milliseconds_of(run.costs.broker) for run in of_case)
        note = f"{broker:.2f} ms of processor of the broker"
        yield Figure(SUBJECT, ", ".join(case), rate, "commands/s", note=note)


def _ratios(runs: Runs) -> Iterator[Figure]:
    for name in dict.fromkeys(case.implementation for case in runs):
        value = _ratio(runs, Case(name, WITH), Case(name, WITHOUT))
        yield Figure(SUBJECT, f"{name}, {WITH} / {WITHOUT}", value, "times")
    of_worker, of_probe = (Case(item, WITH) for item in (worker().name, "probe"))
    value = _ratio(runs, of_worker, of_probe)
    yield Figure(SUBJECT, f"{of_worker.implementation} / probe, both {WITH}", value, "times")


def _ratio(runs: Runs, upper: Case, lower: Case) -> float:
    pairs = zip(runs[upper], runs[lower], strict=True)
    return median(one.commands_a_second / other.commands_a_second for one, other in pairs)
