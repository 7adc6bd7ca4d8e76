"""A message that kills each worker that reads it is dead-lettered; all others are handled."""

import asyncio
import sys
from signal import SIGKILL

import pytest

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.environments import Environment, environment
from tests.support.faults.lossy import until_any
from tests.support.platform import Platform
from tests.support.requester import numbers_of, requester
from tests.support.workers import rows, store
from worker.storage.connecting.engine import Database

__all__ = ["environment"]

NUMBERS = tuple(f"+44207946{index:04}" for index in range(300))
DEADLY = 137


async def restart_killed_workers(environment: Environment, stop: asyncio.Event) -> int:
    """Runs a worker and starts another whenever it is killed; returns how many were killed."""
    deaths = 0
    while True:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.faults.poisoned", "poison", "run"),
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


@pytest.mark.campaign
async def test_message_that_kills_each_worker_is_dead_lettered_alone(
    environment: Environment, database: Database, platform: Platform
) -> None:
    await store(database, voice_service(1000), phone_numbers(*NUMBERS))
    commands = []
    for place, number in enumerate(NUMBERS):
        commands.append(await platform.send("activate", number))
        if place == DEADLY:
            await platform.send_raw(b"poison", message_id="deadly")
    stop = asyncio.Event()
    running = asyncio.create_task(restart_killed_workers(environment, stop))
    outcomes = [await platform.outcome(command) for command in commands]
    dead_letter = await platform.dead_letter()
    stop.set()
    deaths = await running

    assert dead_letter.message_id == "deadly"
    assert dead_letter.headers["x-error-code"] == "KILLS_THE_WORKER"
    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    # The first attempt was not counted: only redelivered messages are.
    assert deaths == 1 + 6
    assert await rows(database, "SELECT attempts FROM poison_attempts") == [], (
        "an operator may requeue the message"
    )


@pytest.mark.campaign
async def test_report_that_kills_each_worker_is_dead_lettered_and_the_next_is_answered(
    environment: Environment, database: Database, platform: Platform
) -> None:
    await store(database, phone_numbers(*NUMBERS))
    ask = await requester(platform)
    stop = asyncio.Event()
    await ask.ask({"site_id": "london"}, id="poison")
    report = await ask.ask({"site_id": "london"})
    running = asyncio.create_task(restart_killed_workers(environment, stop))
    pages = await ask.answer(report, patience_seconds=180)
    dead_letter = await platform.dead_letter()
    stop.set()
    await running

    assert numbers_of(pages) == [*NUMBERS]
    assert dead_letter.headers["x-error-code"] == "KILLS_THE_WORKER"
    assert b'"poison"' in dead_letter.body


@pytest.mark.campaign
async def test_record_that_kills_each_worker_is_dead_lettered_alone(
    environment: Environment, database: Database, platform: Platform
) -> None:
    for place, number in enumerate(NUMBERS):
        label = "poison" if place == DEADLY else "desk"
        await platform.state("phone_number", 1, phone_number=number, label=label)
    stop = asyncio.Event()
    running = asyncio.create_task(restart_killed_workers(environment, stop))
    await until_any(database, f"SELECT 1 FROM phone_numbers WHERE phone_number = '{NUMBERS[-1]}'")
    dead_letter = await platform.dead_letter()
    stop.set()
    deaths = await running

    assert b"poison" in dead_letter.body
    assert dead_letter.headers["x-error-code"] == "KILLS_THE_WORKER"
    assert deaths == 1 + 6
    stored = "SELECT count(*), count(*) FILTER (WHERE label = 'desk') FROM phone_numbers"
    others = len(NUMBERS) - 1
    assert await rows(database, stored) == [(others, others)]
