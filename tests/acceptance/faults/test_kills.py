"""SIGKILL at random moments: no command is lost, and none takes effect twice."""

import asyncio
import random
from collections import Counter

import pytest

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.environments import Environment, environment
from tests.support.faults.lossy import distinct_events
from tests.support.installed_command import running, until_logged
from tests.support.platform import Platform
from tests.support.workers import rows, store
from worker.storage.connecting.engine import Database

__all__ = ["environment"]

NUMBERS = tuple(f"+44207946{index:04}" for index in range(120))
SERVICES = 80


async def send_all(platform: Platform, dice: random.Random) -> list[str]:
    """Sends an activation for each number, one in five twice; returns the ids."""
    commands = []
    for number in NUMBERS:
        command = await platform.send("activate", number)
        if dice.random() < 0.2:
            await platform.send("activate", number, id=command)
        commands.append(command)
        await asyncio.sleep(0.01)
    return commands


@pytest.mark.campaign
@pytest.mark.parametrize("seed", [1, 2])
async def test_workers_killed_at_random_moments_lose_and_double_no_command(
    environment: Environment,
    database: Database,
    platform: Platform,
    seed: int,
) -> None:
    dice = random.Random(seed)
    await store(database, voice_service(SERVICES), phone_numbers(*NUMBERS))
    sending = asyncio.create_task(send_all(platform, dice))
    for _ in range(4):
        async with running(environment) as worker:
            await asyncio.sleep(dice.uniform(0, 0.3))
            worker.kill()
    commands = await sending
    async with running(environment) as worker:
        outcomes = [tuple(await platform.outcome(command)) for command in commands]
        worker.terminate()
        await until_logged(worker, "worker_stopped")

    assert Counter(outcomes) == {
        ("PENDING", "ACTIVE"): SERVICES,
        ("ENTITLEMENT_EXHAUSTED",): len(NUMBERS) - SERVICES,
    }
    distinct_events(platform.events)
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(SERVICES, 0)]
    assert await rows(database, "SELECT 1 FROM outbox UNION SELECT 1 FROM operations") == []
