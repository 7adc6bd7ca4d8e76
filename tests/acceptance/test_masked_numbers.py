"""With WORKER_LOG_NUMBERS=masked no line of a worker's whole life shows a phone number."""

import asyncio
import json
import re
from pathlib import Path

from tests.support.data.inserts import handset_login, phone_numbers, voice_service
from tests.support.environments import Environment, environment
from tests.support.installed_command import COMMAND, PATIENCE_SECONDS
from tests.support.platform import Platform
from tests.support.requester import requester
from tests.support.workers import store
from worker.storage.connecting.engine import Database

__all__ = ["environment"]

NUMBER, OTHER, UNKNOWN = "+442079460001", "+442079460002", "+442079460099"
A_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
SAID = {
    *("command_accepted", "command_completed", "command_rejected", "command_repeated"),
    *("message_unreadable", "record_received", "operation_failed", "result_received"),
}
"""What a life like this one logs with a number, or with text of others."""


def lines_of(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


async def logged(file: Path, action: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any(f'"{action}"' in line for line in lines_of(file)):
            await asyncio.sleep(0.05)


async def live(platform: Platform) -> None:
    """Commands that succeed, are refused, repeated and unreadable; a failure; a record."""
    activated = await platform.send("activate", NUMBER)
    await platform.until(lambda: platform.events)
    await platform.answer(platform.events[0]["id"], "done")
    assert await platform.outcome(activated) == ["PENDING", "ACTIVE"]
    await platform.send("activate", NUMBER, id=activated)
    await platform.outcome(await platform.send("deactivate", NUMBER))
    await platform.outcome(await platform.send("activate", UNKNOWN))
    refused = await platform.send("activate", OTHER)
    await platform.until(lambda: any(said["subject"] == OTHER for said in platform.events))
    pending = next(said for said in platform.events if said["subject"] == OTHER)
    await platform.answer(pending["id"], "refused", code="BUSY", detail=f"{OTHER} is busy")
    await platform.outcome(refused)
    await platform.send_raw(b'{"data": {"phone_number": "+442079460001"}, "id": "+442079460001"}')
    await platform.state("phone_number", 1, phone_number=UNKNOWN, status="COOLDOWN")
    await (await requester(platform)).answer_to(phone_number=NUMBER)


async def test_no_line_of_the_log_shows_a_phone_number(
    environment: Environment, database: Database, platform: Platform, tmp_path: Path
) -> None:
    numbers = (phone_numbers(number, extension="1") for number in (NUMBER, OTHER))
    await store(database, voice_service(3), *numbers, handset_login(NUMBER))
    own = {
        **environment,
        "WORKER_LOG_NUMBERS": "masked",
        "WORKER_LOG_LEVEL": "DEBUG",
        "WORKER_AWAITED_STEPS": "activation",
    }
    file = tmp_path / "log"
    with file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(COMMAND, "run", env=own, stderr=log)
    try:
        await logged(file, "leadership_gained")
        await live(platform)
        for action in SAID:
            await logged(file, action)
    finally:
        process.terminate()
        await process.wait()
    lines = lines_of(file)

    assert {json.loads(line)["action"] for line in lines} >= SAID
    assert [line for line in lines if A_NUMBER.search(line)] == []
    assert any("+4420******01" in line for line in lines)
