"""One campaign from nothing to its verdict."""

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from tests.campaign import subscriber
from tests.campaign.children import child, prepare
from tests.campaign.counters import Counters
from tests.campaign.faults import Faults
from tests.campaign.final import look, versions, waiting
from tests.campaign.ledger import Final, Finding, Ledger, Said
from tests.campaign.notes import read
from tests.campaign.plan import commands
from tests.campaign.publisher import CONFIRMED, COUNTERS
from tests.campaign.schedule import Fault, Lane, Size, gate, lanes
from tests.campaign.subscriber import NOTES
from tests.campaign.verdict import Course, Verdict, judge
from tests.campaign.watching import Incident, Watch
from tests.campaign.wire import Lost
from tests.campaign.workers import running
from tests.campaign.world import World, build, numbers_of, records
from worker.servers import PrivateServers, ServerUnavailable

POLL_SECONDS = 0.05
REST_SECONDS = 300
QUIET_SECONDS = 1
SILENT_SECONDS = 30
"""When nothing was heard for so long and nothing waits, what was not answered never will be."""
BROUGHT_FORWARD_SECONDS = 2.5
FAILURES = (ServerUnavailable, Lost, OSError, TimeoutError, asyncpg.PostgresError)


@dataclass
class Campaign:
    """What is wanted, and how far it has come."""

    seed: int
    size: Size
    minutes: float
    folder: Path
    world: World
    counters: Counters
    watch: Watch
    lanes: dict[str, Lane]
    done: Counter[Fault] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    """What makes the run prove nothing."""
    worker_troubles: list[str] = field(default_factory=list)
    """Workers that ended by themselves, or met what they did not expect."""
    versions: dict[str, str] = field(default_factory=dict)
    at_rest: bool = False


@dataclass(frozen=True)
class Result:
    """What came of a campaign."""

    campaign: Campaign
    verdict: Verdict
    findings: dict[str, Finding]
    outcomes: Counter[str]
    deliveries: Counter[str]


def planned(seed: int, size: Size, minutes: float, folder: Path) -> Campaign:
    """A campaign that has not begun."""
    folder.mkdir(parents=True, exist_ok=True)
    counters = Counters.made(folder / COUNTERS)
    world = build(seed, size.numbers)
    return Campaign(
        *(seed, size, minutes, folder, world, counters),
        watch=Watch(counters),
        lanes=lanes(seed, size.faults),
    )


async def carried_out(campaign: Campaign) -> Result:
    """All of it: servers, workers, commands, faults, and what came of them."""
    async with PrivateServers.started() as servers:
        environment = {
            **os.environ,
            "AMQP_URL": servers.rabbitmq.url,
            "DATABASE_URL": servers.postgresql.url,
            "WORKER_HTTP_PORT": "0",
        }
        imported = "\n".join(map(json.dumps, records(campaign.world)))
        await prepare(environment, imported)
        await asyncio.to_thread(subscriber.declare, servers.rabbitmq.url)
        await servers.rabbitmq.settle()
        campaign.versions = await versions(servers)
        count = campaign.size.commands
        listening = child("subscriber", campaign.folder, count, environment=environment)
        async with listening:
            await _course(campaign, servers, environment)
        final = await look(servers)
    return _judged(campaign, final)


async def _course(campaign: Campaign, servers: PrivateServers, environment: dict[str, str]) -> None:
    size = campaign.size
    campaign.watch.began = time.time()
    arguments = (campaign.folder, campaign.seed, size.commands, size.numbers, size.window)
    async with running(environment, campaign.folder) as workers:
        faults = Faults(
            servers,
            workers,
            random.Random(f"choices {campaign.seed}"),
            hold_seconds=size.hold_seconds,
            freeze_seconds=size.freeze_seconds,
        )
        with _watching(campaign):
            try:
                async with (
                    asyncio.timeout(campaign.minutes * 60),
                    child("publisher", *arguments, environment=environment) as publisher,
                ):
                    await _with_faults(campaign, faults, publisher.wait)
            except TimeoutError:
                campaign.troubles.append(f"not done after {campaign.minutes:g} minutes")
                # The end may have come between a stop and a start.
                await servers.rabbitmq.start()
                await servers.postgresql.start()
            campaign.at_rest = await _rest(campaign, servers)
    campaign.worker_troubles += [trouble for slot in workers.slots for trouble in slot.troubles]


@contextmanager
def _watching(campaign: Campaign) -> Iterator[None]:
    task = asyncio.create_task(campaign.watch.run())
    try:
        yield
    finally:
        task.cancel()


async def _with_faults(
    campaign: Campaign, faults: Faults, published: Callable[[], Awaitable[int]]
) -> None:
    async with asyncio.TaskGroup() as group:
        for name, lane in campaign.lanes.items():
            group.create_task(_run_lane(campaign, name, lane, faults))
        gates = group.create_task(_keep_gate(campaign))
        code = await published()
        gates.cancel()
    if code != 0:
        campaign.troubles.append(f"the publisher ended with {code}")


async def _keep_gate(campaign: Campaign) -> None:
    while True:
        campaign.counters["gate"] = gate(campaign.lanes, campaign.size)
        await asyncio.sleep(POLL_SECONDS)


async def _run_lane(campaign: Campaign, name: str, lane: Lane, faults: Faults) -> None:
    last = time.time()
    while lane.due:
        share, fault = lane.due[0]
        while not _is_due(campaign, name, share, last):
            await asyncio.sleep(POLL_SECONDS)
        lane.due.pop(0)
        incident = campaign.watch.begin(fault, name)
        await _carry_out(campaign, faults, incident)
        last = time.time()


async def _carry_out(campaign: Campaign, faults: Faults, incident: Incident) -> None:
    try:
        detail = await faults.carry_out(incident.fault)
    except FAILURES as error:
        campaign.watch.end(incident, f"failed: {error!r}")
        campaign.troubles.append(f"{incident.fault}: {error!r}")
    else:
        campaign.watch.end(incident, detail)
        campaign.done[incident.fault] += 1


def _is_due(campaign: Campaign, lane: str, share: float, last: float) -> bool:
    if campaign.counters["answered"] >= share * campaign.size.commands:
        return True
    # While something else keeps the commands from going on, kills go on: faults come together.
    disturbed = campaign.watch.is_disturbed("broker", "database")
    heard = campaign.counters["heard_microseconds"] / 1e6
    waited = time.time() - max(last, heard)
    return lane == "kills" and disturbed and waited > BROUGHT_FORWARD_SECONDS


async def _rest(campaign: Campaign, servers: PrivateServers) -> bool:
    """Waits until nothing is under way; whether that came to be."""
    deadline = time.time() + REST_SECONDS
    while time.time() < deadline:
        try:
            left = await waiting(servers)
        except FAILURES:
            left = {"servers": 1}
        complete = campaign.counters["answered"] == campaign.size.commands
        enough = QUIET_SECONDS if complete else SILENT_SECONDS
        if not any(left.values()) and campaign.watch.idle_seconds > enough:
            return True
        await asyncio.sleep(POLL_SECONDS)
    return False


def _judged(campaign: Campaign, final: Final) -> Result:
    seed, count = campaign.seed, campaign.size.commands
    path = campaign.folder / CONFIRMED
    said = Said(
        phone_numbers=[item.phone_number for item in commands(campaign.world, seed, count)],
        confirmed=path.read_bytes() if path.exists() else bytes(count),
    )
    ledger = Ledger(said, numbers_of(campaign.world))
    with (campaign.folder / NOTES).open(encoding="utf-8") as lines:
        for note in read(lines):
            ledger.hear(note)
    findings = dict(ledger.close(final))
    course = Course(
        commands_wanted=count,
        commands_confirmed=sum(said.confirmed),
        commands_answered=campaign.counters["answered"],
        faults_wanted=campaign.size.faults,
        faults_done=campaign.done,
        at_rest=campaign.at_rest,
        troubles=tuple(campaign.troubles),
    )
    return Result(campaign, judge(findings, course), findings, ledger.outcomes, ledger.deliveries)
