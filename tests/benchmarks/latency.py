"""How long from the publishing of a command to the receipt of ACTIVE, and under which load."""

import json
import sys
from collections.abc import Iterator, Sequence
from statistics import median

from tests.benchmarks import samples, throughput
from tests.benchmarks.broker import COMMANDS, until_consumed
from tests.benchmarks.contestants import FASTSTREAM, Contestant, module, probe, running, worker
from tests.benchmarks.figures import Figure, at_most, percentile
from tests.benchmarks.processes import finished
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.benchmarks.stopwatch import Plan, Section

PERCENTS = (50, 95, 99)
OF_A_ROUND_TRIP = 3
UNLOADED = "one at a time"
SUBJECT = "latency"

Times = dict[str, list[float]]
"""Milliseconds of each command, by section."""


async def measure(stage: Stage, size: Size) -> list[Figure]:
    """Probe and worker in turn, one command at a time; then worker and FastStream under loads.

    The ratio is taken within a round, and of all rounds the median: each is a matter of a second,
    and a processor that is slow to wake up in that second makes much of it.
    """
    world = await throughput.prepared(stage, size)
    recorded = await samples.record(stage, throughput.WORKERS, world)
    unloaded = Section(UNLOADED, size.round_trips)
    round_trip = Plan(world, stage.seed, (unloaded,))
    loads = Plan(world, stage.seed, tuple(_rates(size)))
    peer_loads = Plan(world, stage.seed, (unloaded, *_rates(size, size.latency_peer_commands)))
    probed, mine = [], []
    for _ in range(size.round_trip_rounds):
        probed.append(await timed(stage, throughput.WORKERS, probe(recorded), round_trip))
        mine.append(await timed(stage, throughput.WORKERS, worker(), round_trip))
    loaded = await timed(stage, throughput.WORKERS, worker(), loads)
    theirs = await timed(stage, throughput.PEERS, FASTSTREAM, peer_loads)
    return [
        *_figures("probe", _together(probed)),
        *_figures("worker", _together(mine) | loaded),
        *_figures("FastStream", theirs),
        Figure(
            SUBJECT,
            f"worker / probe, {UNLOADED}, p50",
            median(
                percentile(its[UNLOADED], 50) / percentile(probes[UNLOADED], 50)
                for its, probes in zip(mine, probed, strict=True)
            ),
            "times",
            at_most(OF_A_ROUND_TRIP),
        ),
    ]


async def timed(stage: Stage, template: str, contestant: Contestant, plan: Plan) -> Times:
    """How long each command of each section took."""
    name = contestant.name
    planned, times = stage.folder / f"{name}.plan", stage.folder / f"{name}.times"
    plan.write(planned)
    log = stage.folder / f"{name}.log"
    async with stage.place(template) as place, running(contestant, place.environment, log):
        await until_consumed(place.amqp_url, COMMANDS)
        await finished(module("stopwatch", planned, times), place.environment)
    found: Times = json.loads(times.read_bytes())
    told = ", ".join(f"{item} {percentile(found[item], 50):.1f} ms" for item in found)
    stage.tell(f"latency, {name}: {told}")
    return found


def _rates(size: Size, most: int = sys.maxsize) -> list[Section]:
    return [
        Section(f"{rate:,}/s", min(most, round(rate * size.latency_seconds)), rate)
        for rate in size.latency_rates
    ]


def _together(rounds: Sequence[Times]) -> Times:
    return {UNLOADED: [time for times in rounds for time in times[UNLOADED]]}


def _figures(name: str, times: Times) -> Iterator[Figure]:
    for section, milliseconds in times.items():
        for percent in PERCENTS:
            value = percentile(milliseconds, percent)
            yield Figure(SUBJECT, f"{name}, {section}, p{percent}", value, "ms")
