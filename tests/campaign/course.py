"""The course of a campaign: commands and faults at the same time, until all is at rest."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from tests.campaign.children import child
from tests.campaign.counters import Counters
from tests.campaign.faults import Faults
from tests.campaign.final import waiting
from tests.campaign.network import Network
from tests.campaign.schedule import Fault, Lane, Size, gate
from tests.campaign.watching import Incident, Watch
from tests.campaign.workers import running
from tests.campaign.world import World
from tests.support.amqp_wire import ConnectionLost
from worker.local import PrivateServers, ServerUnavailable

WORKERS = ("worker-0", "worker-1")
POLL_SECONDS = 0.05
REST_SECONDS = 300
STALLED_SECONDS = 300
"""Far longer than any fault lasts: what is silent for so long will not go on."""
QUIET_SECONDS = 1
SILENT_SECONDS = 30
"""When nothing was heard for so long and nothing waits, what was not answered never will be."""
BROUGHT_FORWARD_SECONDS = 2.5
FAILURES = (ServerUnavailable, ConnectionLost, OSError, TimeoutError, asyncpg.PostgresError)


class Broken(Exception):
    """The campaign cannot go on."""


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


async def run(
    campaign: Campaign,
    servers: PrivateServers,
    environment: dict[str, str],
    listening: asyncio.subprocess.Process,
) -> None:
    """Publishes everything while everything dies, then waits until nothing is under way."""
    size = campaign.size
    campaign.watch.began = time.time()
    arguments = (campaign.folder, campaign.seed, size.commands, size.numbers, size.window)
    async with AsyncExitStack() as stack:
        networks = [
            await stack.enter_async_context(Network.before(servers, name)) for name in WORKERS
        ]
        apart = {network.worker: environment | network.environment for network in networks}
        workers = await stack.enter_async_context(running(apart, campaign.folder))
        dice = random.Random(f"choices {campaign.seed}")
        faults = Faults(servers, workers, networks, dice, size)
        with _watching(campaign):
            try:
                async with (
                    asyncio.timeout(campaign.minutes * 60),
                    child("publisher", *arguments, environment=environment) as publisher,
                ):
                    await _with_faults(campaign, faults, publisher, listening)
            except* Broken as broken:
                campaign.troubles += map(str, broken.exceptions)
                await _everything_back(servers)
            except* TimeoutError:
                campaign.troubles.append(f"not done after {campaign.minutes:g} minutes")
                await _everything_back(servers)
            campaign.at_rest = await _rest(campaign, servers)
    campaign.worker_troubles += [trouble for slot in workers.slots for trouble in slot.troubles]


@contextmanager
def _watching(campaign: Campaign) -> Iterator[None]:
    task = asyncio.create_task(campaign.watch.run())
    try:
        yield
    finally:
        task.cancel()


async def _everything_back(servers: PrivateServers) -> None:
    # The end may have come between a stop and a start.
    await servers.rabbitmq.start()
    await servers.postgresql.start()


async def _with_faults(
    campaign: Campaign,
    faults: Faults,
    publisher: asyncio.subprocess.Process,
    listening: asyncio.subprocess.Process,
) -> None:
    async with asyncio.TaskGroup() as group:
        carried_out = [
            group.create_task(_run_lane(campaign, name, lane, faults))
            for name, lane in campaign.lanes.items()
        ]
        guards = [
            group.create_task(_keep_gate(campaign)),
            group.create_task(_must_go_on(listening, campaign.watch)),
        ]
        code = await publisher.wait()
        if code != 0:
            raise Broken(f"the publisher ended with {code}")
        await asyncio.wait(carried_out)
        for guard in guards:
            guard.cancel()


async def _must_go_on(listening: asyncio.subprocess.Process, watch: Watch) -> None:
    while listening.returncode is None:
        if watch.idle_seconds > STALLED_SECONDS:
            raise Broken(f"nothing was heard for {STALLED_SECONDS} s")
        await asyncio.sleep(POLL_SECONDS)
    raise Broken(f"the subscriber ended with {listening.returncode}")


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
