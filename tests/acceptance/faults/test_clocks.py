"""Workers on machines with wrong clocks: the database's clock decides."""

from datetime import UTC, datetime, timedelta

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.environments import Environment, environment
from tests.support.faults.surroundings import with_clock
from tests.support.installed_command import running
from tests.support.platform import Platform
from tests.support.quick import parametrize_quick
from tests.support.workers import store
from worker.storage.connecting.engine import Database

__all__ = ["environment"]

NUMBERS = ("+442079460001", "+442079460002", "+442079460003")


@parametrize_quick("offset", ["+10m", "-10m"], quick=1)
async def test_worker_with_a_wrong_clock_takes_over_without_harm(
    environment: Environment, database: Database, platform: Platform, offset: str
) -> None:
    await store(database, voice_service(10), phone_numbers(*NUMBERS))
    awaiting = {**environment, "WORKER_AWAITED_STEPS": "activation"}
    async with running(awaiting):
        first = await platform.send("activate", NUMBERS[0])
        await platform.until(lambda: platform.outcome_so_far(first))
    async with running(with_clock(awaiting, offset)):
        # The relay advances what is due before it publishes what follows from this command.
        second = await platform.send("activate", NUMBERS[1])
        await platform.until(lambda: platform.outcome_so_far(second))
        expired = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
        third = await platform.send("activate", NUMBERS[2], expirytime=expired)
        assert await platform.outcome(third) == ["COMMAND_EXPIRED"]
        assert platform.outcome_so_far(first) == platform.outcome_so_far(second) == ["PENDING"]
        for event in [event for event in platform.events if event["data"].get("deadline")]:
            await platform.answer(event["id"], "done")
        assert await platform.outcome(first) == ["PENDING", "ACTIVE"]
        assert await platform.outcome(second) == ["PENDING", "ACTIVE"]
