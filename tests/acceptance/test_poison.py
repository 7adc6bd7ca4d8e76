"""A message that kills whoever reads it is found and put away; the innocents live."""

import asyncio
import sys
from signal import SIGKILL

from tests.support.environments import Environment, environment
from tests.support.platform import Platform
from tests.support.workers import rows, store
from worker.storage.engine import Database

__all__ = ["environment"]

NUMBERS = tuple(f"+44207946{index:04}" for index in range(300))
DEADLY = 137
SITE = (
    """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 1000)""",
    "INSERT INTO phone_numbers (phone_number, site_id, account_id, status) VALUES "
    + ", ".join(f"('{number}', 'london', 'acme', 'RESERVED')" for number in NUMBERS),
)


async def live_and_die(environment: Environment, stop: asyncio.Event) -> int:
    """Starts a worker as often as one dies; how many did."""
    deaths = 0
    while True:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.poisoned", "poison", "run"),
            env=dict(environment),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        stopping = asyncio.create_task(stop.wait())
        dying = asyncio.create_task(process.wait())
        await asyncio.wait((stopping, dying), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not dying.done():
            process.terminate()
        if await dying != -SIGKILL:
            return deaths
        deaths += 1


async def test_a_message_that_kills_each_worker_is_parked_alone(
    environment: Environment, database: Database, platform: Platform
) -> None:
    await store(database, *SITE)
    commands = []
    for place, number in enumerate(NUMBERS):
        commands.append(await platform.send("activate", number))
        if place == DEADLY:
            await platform.send_raw(b"poison", message_id="deadly")
    stop = asyncio.Event()
    living = asyncio.create_task(live_and_die(environment, stop))
    outcomes = [await platform.outcome(command) for command in commands]
    letter = await platform.dead_letter()
    stop.set()
    deaths = await living

    assert letter.message_id == "deadly"
    assert letter.headers["x-error-code"] == "KILLS_THE_WORKER"
    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    # The first time it was not yet under suspicion.
    assert deaths == 1 + 6
    assert await rows(database, "SELECT attempts FROM poison_attempts") == [], (
        "it may be tried again"
    )
