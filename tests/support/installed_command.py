"""Runs the installed command as a process; sample records for it to import."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.environments import Environment
from worker.operator.importing.import_records import import_lines

COMMAND = str(Path(sys.executable).with_name("activation-worker"))
NUMBER = "+442079460001"
PLACE = ("--account", "acme", "--site", "london")
PATIENCE_SECONDS = 90
STRAY_ERROR = b"was never retrieved"
"""asyncio logs it for the error of a task that nothing awaits."""

SAMPLE = [
    {
        "kind": "voice_service",
        "service_id": "service-1",
        "account_id": "acme",
        "account_kind": "occupier",
        "site_id": "london",
        "quantity": 1,
    },
    *(
        {
            "kind": "phone_number",
            "phone_number": number,
            "account_id": "acme",
            "site_id": "london",
            "status": "RESERVED",
            "features": {"voicemail": "a secret code"},
        }
        for number in (NUMBER, "+442079460002")
    ),
]


async def command(
    environment: Environment, *arguments: str, given: str = ""
) -> tuple[int | None, str]:
    """Runs the command to its end; returns its exit code and its output."""
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        env=dict(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(given.encode()), PATIENCE_SECONDS)
    assert STRAY_ERROR not in output
    return process.returncode, output.decode()


@asynccontextmanager
async def running(environment: Environment) -> AsyncIterator[asyncio.subprocess.Process]:
    """`activation-worker run` that leads; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        COMMAND, "run", env=dict(environment), stderr=asyncio.subprocess.PIPE
    )
    try:
        await until_logged(process, "leadership_gained")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        _, log = await process.communicate()
    assert STRAY_ERROR not in log


class LoggingWorker:
    """A worker process whose log a task reads all the time, so that the worker never blocks."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._actions: list[str] = []
        self._changed = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            async with self._changed:
                self._actions.append(json.loads(line)["action"])
                self._changed.notify_all()

    async def until_logged(self, action: str) -> None:
        """Waits for the action in the log, behind the one that the last call returned for."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: action in self._actions)
            del self._actions[: self._actions.index(action) + 1]


@asynccontextmanager
async def started(environment: Environment) -> AsyncIterator[LoggingWorker]:
    """`activation-worker run`, perhaps as a standby; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        COMMAND, "run", env=dict(environment), stderr=asyncio.subprocess.PIPE
    )
    try:
        yield LoggingWorker(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_logged(process: asyncio.subprocess.Process, action: str) -> dict[str, object]:
    """Waits for the log record with this action."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for line in process.stderr:
            record: dict[str, object] = json.loads(line)
            if record["action"] == action:
                return record
    message = f"the worker ended without {action}"
    raise AssertionError(message)


async def imported(environment: Environment) -> None:
    """Imports the sample; in the test's process, since a start of the command takes a second."""
    await import_lines(environment["DATABASE_URL"], map(json.dumps, SAMPLE))
