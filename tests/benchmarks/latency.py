"""How long from the publishing of a command to the receipt of ACTIVE, and under which load."""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from statistics import median

from tests.benchmarks import samples, throughput
from tests.benchmarks.broker import COMMANDS, until_consumed
from tests.benchmarks.contestants import FASTSTREAM, Contestant, module, probe, running, worker
from tests.benchmarks.figures import Figure, at_most, middle, percentile
from tests.benchmarks.processes import answering
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.benchmarks.stopwatch import Plan, Section

PERCENTS = (50, 95, 99)
OF_A_ROUND_TRIP = 3
UNLOADED = "one at a time"
SUBJECT = "latency"

Milliseconds = list[float]
"""Of each command."""
Times = dict[str, Milliseconds]
"""By section."""


async def measure(stage: Stage, size: Size) -> list[Figure]:
    """Probe and worker, one command at a time; then worker and FastStream under loads."""
    world = await throughput.prepared(stage, size)
    recorded = await samples.record(stage, throughput.WORKERS, world)
    unloaded = Section(UNLOADED, size.round_trips)
    round_trips = Plan(world, stage.seed, (unloaded,) * size.round_trip_rounds)
    loads = Plan(world, stage.seed, tuple(_rates(size)))
    alone = replace(unloaded, commands=size.round_trips * size.round_trip_rounds)
    peer_loads = Plan(world, stage.seed, (alone, *_rates(size, size.latency_peer_commands)))
    probed, mine = await _in_turn(stage, (probe(recorded), worker()), round_trips)
    loaded = await timed(stage, throughput.WORKERS, worker(), loads)
    theirs = await timed(stage, throughput.PEERS, FASTSTREAM, peer_loads)
    return [
        *_figures("probe", {UNLOADED: _together(probed)}),
        *_figures("worker", {UNLOADED: _together(mine)} | loaded),
        *_figures("FastStream", theirs),
        Figure(
            SUBJECT,
            f"worker / probe, {UNLOADED}, p50",
            middle(median(its) / median(probes) for its, probes in zip(mine, probed, strict=True)),
            "times",
            at_most(OF_A_ROUND_TRIP),
        ),
    ]


async def timed(stage: Stage, template: str, contestant: Contestant, plan: Plan) -> Times:
    """How long each command of each section took."""
    async with _timing(stage, template, contestant, plan) as section:
        times = {item.name: await section() for item in plan.sections}
    told = ", ".join(f"{item} {percentile(times[item], 50):.1f} ms" for item in times)
    stage.tell(f"latency, {contestant.name}: {told}")
    return times


async def _in_turn(
    stage: Stage, contestants: tuple[Contestant, Contestant], plan: Plan
) -> tuple[list[Milliseconds], list[Milliseconds]]:
    """Both run; commands go to one and to the other, a short section each.

    A processor that is slow to wake up is so for some seconds, and makes much of a single command:
    when each had a second of its own, the median of the probe was anything from 2.4 to 3.4 ms.
    """
    one, other = contestants
    times: tuple[list[Milliseconds], list[Milliseconds]] = [], []
    async with (
        _timing(stage, throughput.WORKERS, one, plan) as of_one,
        _timing(stage, throughput.WORKERS, other, plan) as of_other,
    ):
        both = list(zip(times, (of_one, of_other), strict=True))
        for place in range(len(plan.sections)):
            # Another one first in each round: nobody always follows the other.
            for its_times, section in both[:: -1 if place % 2 else 1]:
                its_times.append(await section())
    for contestant, its_times in zip(contestants, times, strict=True):
        told = f"{UNLOADED} {median(_together(its_times)):.1f} ms"
        stage.tell(f"latency, {contestant.name}: {told}")
    return times


@asynccontextmanager
async def _timing(
    stage: Stage, template: str, contestant: Contestant, plan: Plan
) -> AsyncIterator[Callable[[], Awaitable[Milliseconds]]]:
    """Carries out the plan's next section at each call."""
    planned = stage.folder / f"{contestant.name}.plan"
    plan.write(planned)
    log = stage.folder / f"{contestant.name}.log"
    async with stage.place(template) as place, running(contestant, place.environment, log):
        await until_consumed(place.amqp_url, COMMANDS)
        async with answering(module("stopwatch", planned), place.environment) as ask:

            async def section() -> Milliseconds:
                milliseconds: Milliseconds = json.loads(await ask())
                return milliseconds

            yield section


def _rates(size: Size, most: int = sys.maxsize) -> list[Section]:
    return [
        Section(f"{rate:,}/s", min(most, round(rate * size.latency_seconds)), rate)
        for rate in size.latency_rates
    ]


def _together(sections: Sequence[Milliseconds]) -> Milliseconds:
    return [time for times in sections for time in times]


def _figures(name: str, times: Times) -> Iterator[Figure]:
    for section, milliseconds in times.items():
        for percent in PERCENTS:
            value = percentile(milliseconds, percent)
            yield Figure(SUBJECT, f"{name}, {section}, p{percent}", value, "ms")
