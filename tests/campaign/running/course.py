"""Runs commands and faults at the same time, until the workers are idle."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from tests.campaign.planning.schedule import Fault, Size, Track, gate
from tests.campaign.planning.world import World
from tests.campaign.running.children import child_process
from tests.campaign.running.counters import Counters
from tests.campaign.running.faults import Faults
from tests.campaign.running.final import count_waiting
from tests.campaign.running.network import Network
from tests.campaign.running.upgrade import Upgrade
from tests.campaign.running.watching import Incident, Watch
from tests.campaign.running.workers import running
from tests.support.faults.amqp_wire import ConnectionLost
from tests.support.releases import THIS, Release
from worker.local import PrivateServers, ServerUnavailable

WORKERS = ("worker-0", "worker-1")
POLL_SECONDS = 0.05
REST_SECONDS = 300
STALLED_SECONDS = 300
"""Without an event for so long, which is far longer than any fault, the campaign ends."""
QUIET_SECONDS = 1
SILENT_SECONDS = 30
"""Without an event for so long, and with nothing waiting, no further answer is expected."""
BROUGHT_FORWARD_SECONDS = 2.5
FAILURES = (ServerUnavailable, ConnectionLost, OSError, TimeoutError, asyncpg.PostgresError)


class Broken(Exception):
    """The campaign cannot continue."""


@dataclass
class Campaign:
    """The plan of a campaign, and its progress."""

    seed: int
    size: Size
    minutes: float
    folder: Path
    world: World
    counters: Counters
    watch: Watch
    tracks: dict[str, Track]
    done: Counter[Fault] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    """Reasons why the run proves nothing."""
    worker_troubles: list[str] = field(default_factory=list)
    """Exits of workers that the campaign did not cause, and unexpected errors in their logs."""
    versions: dict[str, str] = field(default_factory=dict)
    exercised: dict[str, int] = field(default_factory=dict)
    """How often something happened without which the run proves nothing."""
    is_idle: bool = False
    release: Release = THIS
    """The release with which the campaign begins."""


async def run(
    campaign: Campaign,
    servers: PrivateServers,
    environment: dict[str, str],
    subscribing: asyncio.subprocess.Process,
) -> None:
    """Publishes all commands while faults are injected, then waits until the workers are idle."""
    size = campaign.size
    campaign.watch.began = time.time()
    arguments = (campaign.folder, campaign.seed, size.commands, size.numbers, size.window)
    async with AsyncExitStack() as stack:
        networks = [
            await stack.enter_async_context(Network.through_proxies(servers, name))
            for name in WORKERS
        ]
        environments = {network.worker: environment | network.environment for network in networks}
        workers = await stack.enter_async_context(
            running(environments, campaign.folder, campaign.release)
        )
        dice = random.Random(f"choices {campaign.seed}")
        upgrade = Upgrade(workers, environment, campaign.release)
        faults = Faults(servers, workers, networks, dice, size, upgrade)
        with _watching(campaign):
            try:
                async with (
                    asyncio.timeout(campaign.minutes * 60),
                    child_process("publisher", *arguments, environment=environment) as publisher,
                ):
                    await _with_faults(campaign, faults, publisher, subscribing)
            except* Broken as broken:
                campaign.troubles += map(str, broken.exceptions)
                await _start_servers(servers)
            except* TimeoutError:
                campaign.troubles.append(f"not done after {campaign.minutes:g} minutes")
                await _start_servers(servers)
            campaign.is_idle = await _until_idle(campaign, servers)
    campaign.worker_troubles += [trouble for slot in workers.slots for trouble in slot.troubles]


@contextmanager
def _watching(campaign: Campaign) -> Iterator[None]:
    task = asyncio.create_task(campaign.watch.run())
    try:
        yield
    finally:
        task.cancel()


async def _start_servers(servers: PrivateServers) -> None:
    # A fault may have been interrupted while a server was stopped.
    await servers.rabbitmq.start()
    await servers.postgresql.start()


async def _with_faults(
    campaign: Campaign,
    faults: Faults,
    publisher: asyncio.subprocess.Process,
    subscribing: asyncio.subprocess.Process,
) -> None:
    async with asyncio.TaskGroup() as group:
        injecting = [
            group.create_task(_run_track(campaign, name, track, faults))
            for name, track in campaign.tracks.items()
        ]
        guards = [
            group.create_task(_keep_gate(campaign)),
            group.create_task(_require_progress(subscribing, campaign.watch)),
        ]
        code = await publisher.wait()
        if code != 0:
            raise Broken(f"the publisher ended with {code}")
        await asyncio.wait(injecting)
        for guard in guards:
            guard.cancel()


async def _require_progress(subscribing: asyncio.subprocess.Process, watch: Watch) -> None:
    while subscribing.returncode is None:
        if watch.idle_seconds > STALLED_SECONDS:
            raise Broken(f"no message arrived for {STALLED_SECONDS} s")
        await asyncio.sleep(POLL_SECONDS)
    raise Broken(f"the subscriber ended with {subscribing.returncode}")


async def _keep_gate(campaign: Campaign) -> None:
    while True:
        campaign.counters["gate"] = gate(campaign.tracks, campaign.size)
        await asyncio.sleep(POLL_SECONDS)


async def _run_track(campaign: Campaign, name: str, track: Track, faults: Faults) -> None:
    last = time.time()
    while track.due:
        share, fault = track.due[0]
        while not _is_due(campaign, name, share, last):
            await asyncio.sleep(POLL_SECONDS)
        track.due.pop(0)
        incident = campaign.watch.begin(fault, name)
        await _inject(campaign, faults, incident)
        last = time.time()


async def _inject(campaign: Campaign, faults: Faults, incident: Incident) -> None:
    try:
        detail = await faults.inject(incident.fault)
    except FAILURES as error:
        campaign.watch.end(incident, f"failed: {error!r}")
        campaign.troubles.append(f"{incident.fault}: {error!r}")
    else:
        campaign.watch.end(incident, detail)
        campaign.done[incident.fault] += 1


def _is_due(campaign: Campaign, track: str, share: float, last: float) -> bool:
    if campaign.counters["answered"] >= share * campaign.size.commands:
        return True
    # While another fault holds up the commands, workers are still killed: faults coincide.
    disturbed = campaign.watch.is_disturbed("broker", "database")
    last_event = campaign.counters["last_event_microseconds"] / 1e6
    waited = time.time() - max(last, last_event)
    return track == "kills" and disturbed and waited > BROUGHT_FORWARD_SECONDS


async def _until_idle(campaign: Campaign, servers: PrivateServers) -> bool:
    """Waits until nothing is under way; returns whether that happened in time."""
    deadline = time.time() + REST_SECONDS
    while time.time() < deadline:
        try:
            left = await count_waiting(servers)
        except FAILURES:
            left = {"servers": 1}
        complete = campaign.counters["answered"] == campaign.size.commands
        enough = QUIET_SECONDS if complete else SILENT_SECONDS
        if not any(left.values()) and campaign.watch.idle_seconds > enough:
            return True
        await asyncio.sleep(POLL_SECONDS)
    return False
