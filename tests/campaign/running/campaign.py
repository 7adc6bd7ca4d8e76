"""One campaign, from starting the servers to the verdict."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.judging.ledger import Final, Finding, Ledger, PublishResult
from tests.campaign.judging.notes import read
from tests.campaign.judging.verdict import RunSummary, Verdict, judge
from tests.campaign.planning.plan import commands
from tests.campaign.planning.platform import statements
from tests.campaign.planning.schedule import Size, tracks
from tests.campaign.planning.world import build, records
from tests.campaign.running import course, subscriber
from tests.campaign.running.children import child_process, prepare
from tests.campaign.running.counters import Counters
from tests.campaign.running.course import Campaign
from tests.campaign.running.final import read_final, versions
from tests.campaign.running.publisher import CONFIRMED, COUNTERS, STATED
from tests.campaign.running.subscriber import NOTES
from tests.campaign.running.watching import Watch
from tests.support.environments import unmeasured
from tests.support.releases import THIS, last_release
from worker.local import PrivateServers

AWAITING = {
    "WORKER_AWAITED_STEPS": "activation,hunt_group_membership,handset_logout,extension_reset",
    "WORKER_STEP_FIRST_PAUSE_SECONDS": "1",
    "WORKER_STEP_LONGEST_PAUSE_SECONDS": "10",
}
"""The workers await the PBX in every step, and ask it again soon."""


@dataclass(frozen=True)
class Result:
    """The outcome of a campaign."""

    campaign: Campaign
    verdict: Verdict
    findings: dict[str, Finding]
    outcomes: Counter[str]
    deliveries: Counter[str]


def plan_campaign(seed: int, size: Size, minutes: float, folder: Path) -> Campaign:
    """A campaign that has not begun. Raises `NoHistory` if it needs a release that is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    counters = Counters.create(folder / COUNTERS)
    world = build(seed, size.numbers)
    return Campaign(
        *(seed, size, minutes, folder, world, counters),
        watch=Watch(counters),
        tracks=tracks(seed, size.faults),
        release=last_release(folder / "last-release") if size.upgrade else THIS,
    )


async def run_campaign(campaign: Campaign) -> Result:
    """Starts the servers, runs commands and faults, and judges what was published and stored."""
    async with PrivateServers.started() as servers:
        environment = {
            **unmeasured(),
            "AMQP_URL": servers.rabbitmq.url,
            "DATABASE_URL": servers.postgresql.url,
            "WORKER_HTTP_PORT": "0",
            **AWAITING,
        }
        imported = "\n".join(map(json.dumps, records(campaign.world)))
        partitions = campaign.size.worker_partitions
        await prepare(campaign.release, environment, imported, partitions)
        await asyncio.to_thread(subscriber.declare, servers.rabbitmq.url)
        await servers.rabbitmq.settle()
        campaign.versions = await versions(servers)
        count = campaign.size.commands
        async with child_process(
            "subscriber", campaign.folder, count, environment=environment
        ) as subscribing:
            await course.run(campaign, servers, environment, subscribing)
        final = await read_final(servers)
    return _judged(campaign, final)


def _judged(campaign: Campaign, final: Final) -> Result:
    seed, count = campaign.seed, campaign.size.commands
    path = campaign.folder / CONFIRMED
    said = statements(
        campaign.world, seed, commands(campaign.world, seed, count), campaign.size.window
    )
    stated = campaign.folder / STATED
    published = PublishResult(
        phone_numbers=[item.phone_number for item in commands(campaign.world, seed, count)],
        confirmed=path.read_bytes() if path.exists() else bytes(count),
        statements=said,
        all_stated=stated.exists() and all(stated.read_bytes()),
    )
    ledger = Ledger(published, campaign.world)
    with (campaign.folder / NOTES).open(encoding="utf-8") as lines:
        for note in read(lines):
            ledger.record(note)
    findings = dict(ledger.close(final))
    summary = RunSummary(
        commands_wanted=count,
        commands_confirmed=sum(published.confirmed),
        commands_answered=campaign.counters["answered"],
        faults_wanted=campaign.size.faults,
        faults_done=campaign.done,
        exercised=ledger.exercised(final),
        is_idle=campaign.is_idle,
        worker_troubles=len(campaign.worker_troubles),
        troubles=tuple(campaign.troubles),
    )
    campaign.exercised = dict(summary.exercised)
    return Result(campaign, judge(findings, summary), findings, ledger.outcomes, ledger.deliveries)
