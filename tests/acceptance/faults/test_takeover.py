"""A frozen leader: another worker takes over, and the former leader does no harm when it wakes."""

import asyncio
from signal import SIGCONT, SIGSTOP

import pytest

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.environments import Environment, environment
from tests.support.installed_command import LoggingWorker, started
from tests.support.platform import Platform
from tests.support.workers import rows, store
from worker.storage.connecting.engine import Database

__all__ = ["environment"]

NUMBERS = tuple(f"+44207946{index:04}" for index in range(600))


async def leader_and_standby(
    one: LoggingWorker, other: LoggingWorker
) -> tuple[LoggingWorker, LoggingWorker]:
    """Waits until one of the two leads; returns it first."""
    leads = asyncio.create_task(one.until_logged("leadership_gained"))
    stands_by = asyncio.create_task(one.until_logged("worker_standing_by"))
    await asyncio.wait((leads, stands_by), return_when=asyncio.FIRST_COMPLETED)
    for task in (leads, stands_by):
        task.cancel()
    leader, standby = (one, other) if leads.done() else (other, one)
    return leader, standby


@pytest.mark.campaign
async def test_frozen_leader_stands_by_when_it_wakes(
    environment: Environment, database: Database, platform: Platform
) -> None:
    await store(database, voice_service(1000), phone_numbers(*NUMBERS))
    quick = {
        **environment,
        "WORKER_LEADER_SILENCE_MAXIMUM_SECONDS": "2",
        "AMQP_URL": f"{environment['AMQP_URL']}?heartbeat=1",
    }
    async with started(quick) as one, started(quick) as other:
        leader, standby = await leader_and_standby(one, other)
        # The leader is frozen with deliveries, an open transaction and messages in flight.
        commands = [await platform.send("activate", number) for number in NUMBERS[:300]]
        await platform.until(lambda: platform.events)
        leader.process.send_signal(SIGSTOP)
        await standby.until_logged("leadership_gained")
        commands += [await platform.send("activate", number) for number in NUMBERS[300:450]]
        for command in commands:
            await platform.outcome(command)

        leader.process.send_signal(SIGCONT)
        await leader.until_logged("worker_standing_by")
        commands += [await platform.send("activate", number) for number in NUMBERS[450:]]
        outcomes = [await platform.outcome(command) for command in commands]
        standby.process.terminate()
        await leader.until_logged("leadership_gained")

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    assert len({event["id"] for event in platform.events}) == 2 * len(NUMBERS)
    assert await rows(database, "SELECT term FROM leadership") == [(3,)]
    assert await rows(database, "SELECT DISTINCT sequence FROM phone_numbers") == [(2,)]
