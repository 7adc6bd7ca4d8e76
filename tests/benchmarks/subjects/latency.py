"""Measures the time from publishing a command to receiving its ACTIVE, alone and under load."""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from statistics import median

from tests.benchmarks.data.sizes import Size
from tests.benchmarks.reporting.figures import Figure, percentile, trimmed_mean
from tests.benchmarks.reporting.floors import LONE_COMMAND
from tests.benchmarks.running import samples
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.broker import COMMANDS, wait_for_consumer
from tests.benchmarks.running.implementations import (
    FASTSTREAM,
    Implementation,
    module,
    probe,
    running,
    worker,
)
from tests.benchmarks.running.latency_client import Plan, Section
from tests.benchmarks.running.processes import interactive_process
from tests.benchmarks.subjects import throughput

PERCENTS = (50, 95, 99)
ALONE = "one at a time"
SUBJECT = "latency"

Milliseconds = list[float]
"""Of each command."""
Times = dict[str, Milliseconds]
"""By section."""


async def measure(bench: Bench, size: Size) -> list[Figure]:
    """Measures lone commands with probe and worker, then worker and FastStream under load."""
    dataset = await throughput.prepare_databases(bench, size)
    recorded = await samples.record(bench, throughput.WORKERS, dataset)
    turn = Section(ALONE, size.round_trips)
    round_trips = Plan(dataset, bench.seed, (turn,) * size.round_trip_rounds)
    loads = Plan(dataset, bench.seed, tuple(_rates(size)))
    alone = replace(turn, commands=size.round_trips * size.round_trip_rounds)
    peer_loads = Plan(dataset, bench.seed, (alone, *_rates(size, size.latency_peer_commands)))
    of_probe, of_worker = await _time_in_turn(bench, (probe(recorded), worker()), round_trips)
    loaded = await time_sections(bench, throughput.WORKERS, worker(), loads)
    of_peer = await time_sections(bench, throughput.PEERS, FASTSTREAM, peer_loads)
    ratios = (
        median(of_turn) / median(probe_turn)
        for of_turn, probe_turn in zip(of_worker, of_probe, strict=True)
    )
    return [
        *_figures("probe", {ALONE: _together(of_probe)}),
        *_figures("worker", {ALONE: _together(of_worker)} | loaded),
        *_figures("FastStream", of_peer),
        Figure(
            SUBJECT, f"worker / probe, {ALONE}, p50", trimmed_mean(ratios), "times", LONE_COMMAND
        ),
    ]


async def time_sections(
    bench: Bench, template: str, implementation: Implementation, plan: Plan
) -> Times:
    """Runs all sections of the plan with one implementation."""
    async with _timing(bench, template, implementation, plan) as next_section:
        times = {item.name: await next_section() for item in plan.sections}
    medians = ", ".join(f"{item} {percentile(times[item], 50):.1f} ms" for item in times)
    bench.log(f"latency, {implementation.name}: {medians}")
    return times


async def _time_in_turn(
    bench: Bench, implementations: tuple[Implementation, Implementation], plan: Plan
) -> tuple[list[Milliseconds], list[Milliseconds]]:
    """Runs both implementations at once; each section goes to one and then to the other.

    A processor that wakes up slowly does so for some seconds, which matters for lone commands: when
    each implementation had a second of its own, the median of the probe was 2.4 to 3.4 ms.
    """
    one, other = implementations
    times: tuple[list[Milliseconds], list[Milliseconds]] = [], []
    async with (
        _timing(bench, throughput.WORKERS, one, plan) as next_of_one,
        _timing(bench, throughput.WORKERS, other, plan) as next_of_other,
    ):
        both = list(zip(times, (next_of_one, next_of_other), strict=True))
        for number in range(len(plan.sections)):
            # The order alternates, so that neither always runs second.
            for its_times, next_section in both[:: -1 if number % 2 else 1]:
                its_times.append(await next_section())
    for implementation, its_times in zip(implementations, times, strict=True):
        milliseconds = median(_together(its_times))
        bench.log(f"latency, {implementation.name}: {ALONE} {milliseconds:.1f} ms")
    return times


@asynccontextmanager
async def _timing(
    bench: Bench, template: str, implementation: Implementation, plan: Plan
) -> AsyncIterator[Callable[[], Awaitable[Milliseconds]]]:
    """Runs the implementation; each call of what it yields runs the plan's next section."""
    file = bench.folder / f"{implementation.name}.plan"
    plan.write(file)
    log = bench.folder / f"{implementation.name}.log"
    async with (
        bench.fresh_database(template) as endpoints,
        running(implementation, endpoints.environment, log),
    ):
        await wait_for_consumer(endpoints.amqp_url, COMMANDS)
        client = module("running.latency_client", file)
        async with interactive_process(client, endpoints.environment) as ask:

            async def next_section() -> Milliseconds:
                milliseconds: Milliseconds = json.loads(await ask())
                return milliseconds

            yield next_section


def _rates(size: Size, maximum: int = sys.maxsize) -> list[Section]:
    return [
        Section(f"{rate:,}/s", min(maximum, round(rate * size.latency_seconds)), rate)
        for rate in size.latency_rates
    ]


def _together(sections: Sequence[Milliseconds]) -> Milliseconds:
    return [time for times in sections for time in times]


def _figures(name: str, times: Times) -> Iterator[Figure]:
    for section, milliseconds in times.items():
        for percent in PERCENTS:
            value = percentile(milliseconds, percent)
            yield Figure(SUBJECT, f"{name}, {section}, p{percent}", value, "ms")
