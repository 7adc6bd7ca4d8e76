"""SIGKILL at any moment, again and again: nothing is lost, and nothing is done twice."""

import asyncio
import random
from collections import Counter

import pytest

from tests.support.environments import Environment, environment
from tests.support.installed_command import running, until_logged
from tests.support.platform import Platform
from tests.support.workers import rows, store
from worker.storage.engine import Database

__all__ = ["environment"]

NUMBERS = tuple(f"+44207946{index:04}" for index in range(120))
SERVICES = 80
SETUP = (
    f"""INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', {SERVICES})""",
    "INSERT INTO phone_numbers (phone_number, site_id, account_id, status) VALUES "
    + ", ".join(f"('{number}', 'london', 'acme', 'RESERVED')" for number in NUMBERS),
)


async def send_all(platform: Platform, dice: random.Random) -> list[str]:
    """One activation for each number, one in five sent twice; their ids."""
    commands = []
    for number in NUMBERS:
        command = await platform.send("activate", number)
        if dice.random() < 0.2:
            await platform.send("activate", number, id=command)
        commands.append(command)
        await asyncio.sleep(0.01)
    return commands


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_worker_that_is_killed_again_and_again(
    environment: Environment,
    database: Database,
    platform: Platform,
    seed: int,
) -> None:
    dice = random.Random(seed)
    await store(database, *SETUP)
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
    told = {(event["id"], event["time"]) for event in platform.events}
    assert len(told) == len({identifier for identifier, _ in told})
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(80, 0)]
    assert await rows(database, "SELECT 1 FROM outbox UNION SELECT 1 FROM operations") == []
