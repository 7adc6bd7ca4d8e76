"""Measures how long a person waits for PENDING while many commands of another account wait."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median

from tests.benchmarks.data.dataset import Dataset, build
from tests.benchmarks.data.sizes import Size
from tests.benchmarks.data.verification import verify
from tests.benchmarks.reporting.figures import Figure, Floor, percentile
from tests.benchmarks.reporting.floors import BURST_BESIDE_CLICKS, CLICK
from tests.benchmarks.running.bench import Bench, Endpoints
from tests.benchmarks.running.broker import (
    COMMANDS,
    EVENTS,
    QueueDepths,
    consume_all,
    preload,
    wait_for_consumer,
)
from tests.benchmarks.running.burst_client import (
    ACCOUNTS,
    BURST_IDS,
    CLICK_IDS,
    Burst,
    activations,
)
from tests.benchmarks.running.implementations import module, running, worker
from tests.benchmarks.running.processes import interactive_process
from tests.benchmarks.running.queue_run import wait_for_messages

SUBJECT = "click"
EVENTS_OF_A_COMMAND = 2


@dataclass(frozen=True, slots=True)
class Scene:
    """What waits beside the clicks."""

    name: str
    burst: Burst
    queued_before: bool = False
    """Whether it waits when the worker starts; otherwise it is published while the clicks come."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A scene that was run."""

    seconds: float
    """Until the last event of the burst."""
    milliseconds: list[float]
    """Of each click; empty in a run without."""


async def measure(bench: Bench, size: Size) -> list[Figure]:
    """Runs each scene with clicks and without, in turn; ratios are taken within a round."""
    scenes = (
        Scene("bulk queue", Burst(size.commands, bulk=True)),
        Scene("same queue", Burst(size.commands, bulk=False)),
        Scene("backlog in bulk", Burst(size.backlog, bulk=True), queued_before=True),
    )
    watched: dict[tuple[str, bool], list[Watched]] = defaultdict(list)
    for scene in scenes:
        dataset = Dataset(plain=ACCOUNTS * scene.burst.commands, accounts=ACCOUNTS)
        template = f"click_{scene.burst.commands}"
        await bench.template(template, partial(build, dataset=dataset))
        for number in range(1 if scene.queued_before else size.click_rounds):
            for with_clicks in (True, False)[:: -1 if number % 2 else 1]:
                run = await _run(bench, template, scene, with_clicks=with_clicks)
                watched[scene.name, with_clicks].append(run)
                bench.log(_line(scene, run))
    return [figure for scene in scenes for figure in _figures(scene, watched)]


async def _run(bench: Bench, template: str, scene: Scene, *, with_clicks: bool) -> Watched:
    plan = bench.folder / "burst.plan"
    scene.burst.write(plan)
    burst = activations(BURST_IDS, scene.burst.commands)
    async with AsyncExitStack() as stack:
        endpoints = await stack.enter_async_context(bench.fresh_database(template))
        if scene.queued_before:
            await asyncio.to_thread(preload, endpoints.amqp_url, burst, bulk=scene.burst.bulk)
        log = bench.folder / "click.log"
        await stack.enter_async_context(running(worker(), endpoints.environment, log))
        await wait_for_consumer(endpoints.amqp_url, COMMANDS)
        publish = await stack.enter_async_context(
            interactive_process(module("running.burst_client", plan), endpoints.environment)
        )
        click = await stack.enter_async_context(
            interactive_process(module("running.click_client"), endpoints.environment)
        )
        if with_clicks:
            await click()
        began = time.monotonic()
        waiting = asyncio.to_thread(_wait, endpoints, EVENTS_OF_A_COMMAND * len(burst))
        await asyncio.gather(waiting, *([] if scene.queued_before else [publish()]))
        seconds = time.monotonic() - began
        milliseconds: list[float] = json.loads(await click()) if with_clicks else []
        commands = [*burst, *activations(CLICK_IDS, len(milliseconds))]
        due = EVENTS_OF_A_COMMAND * len(commands)
        await asyncio.to_thread(_wait, endpoints, due)
        await asyncio.to_thread(lambda: verify(commands, consume_all(endpoints.amqp_url, [EVENTS])))
        return Watched(seconds, milliseconds)


def _wait(endpoints: Endpoints, events: int) -> None:
    depths = QueueDepths(endpoints.amqp_url)
    wait_for_messages(depths, events)
    depths.close()


def _line(scene: Scene, run: Watched) -> str:
    rate = f"click, {scene.name}: {scene.burst.commands / run.seconds:,.0f}/s"
    if not run.milliseconds:
        return f"{rate} without clicks"
    waited = ", ".join(f"p{p} {percentile(run.milliseconds, p):.0f} ms" for p in (50, 99))
    return f"{rate}, {len(run.milliseconds)} clicks: {waited}"


def _figures(scene: Scene, watched: dict[tuple[str, bool], list[Watched]]) -> Iterator[Figure]:
    beside, alone = watched[scene.name, True], watched[scene.name, False]
    together = [time for run in beside for time in run.milliseconds]
    beside_what = f"beside {scene.burst.commands:,} commands, {scene.name}"
    floor: Floor = CLICK[scene.name]
    note = f"{len(together)} clicks"
    yield Figure(SUBJECT, f"{beside_what}, p50", percentile(together, 50), "ms", note=note)
    yield Figure(SUBJECT, f"{beside_what}, p99", percentile(together, 99), "ms", floor)
    yield Figure(SUBJECT, f"{beside_what}, longest", max(together), "ms")
    ratio = median(one.seconds / other.seconds for other, one in zip(beside, alone, strict=True))
    yield Figure(
        SUBJECT, f"burst with / without clicks, {scene.name}", ratio, "times", BURST_BESIDE_CLICKS
    )
