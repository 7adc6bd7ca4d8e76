"""The command `standalone`: the worker with private servers."""

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from tests.local.leftovers import processes_of, until_nothing_is_left_of
from tests.support.environments import unmeasured
from tests.support.installed_command import COMMAND, NUMBER, PLACE, SAMPLE, command
from tests.support.quick import parametrize_quick
from worker.cli.exits import Exit
from worker.local.standalone import without_servers

ENVIRONMENT: dict[str, str] = {
    **unmeasured(),
    "WORKER_HTTP_PORT": "0",
    # Of other servers, and neither can be read: they must not matter.
    "AMQP_URL_FILE": "/none/amqp-url",
    "DATABASE_URL": "mysql://other",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the servers can traverse too: they do not run as root."""
    with tempfile.TemporaryDirectory(prefix="activation-worker-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


async def test_standalone_serves_imported_records_until_ctrl_c(folder: Path) -> None:
    await activate_the_sample(folder)


@pytest.mark.campaign
async def test_standalone_keeps_its_data_in_the_folder(folder: Path) -> None:
    await activate_the_sample(folder, "--folder", str(folder / "data"))
    again = await start("--folder", str(folder / "data"))
    code, output = await command(again.environment, "show", NUMBER)
    assert (code, "ACTIVE" in output) == (Exit.DONE, True)
    assert await again.stop() == 0


async def test_standalone_reports_errors_before_it_starts_servers(folder: Path) -> None:
    wrong = folder / "wrong.jsonl"
    wrong.write_text('{"kind": "voice_service"}', encoding="utf-8")
    code, output = await command(ENVIRONMENT, "standalone", "--import", str(wrong))
    assert (code, "Nothing was imported" in output) == (Exit.INVALID_DATA, True)
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        http = {"WORKER_HTTP_HOST": "127.0.0.1", "WORKER_HTTP_PORT": str(occupied.getsockname()[1])}
        data = folder / "data"
        code, output = await command({**ENVIRONMENT, **http}, "standalone", "--folder", str(data))
    assert (code, "cannot listen" in output) == (Exit.SETTINGS, True)
    assert not data.exists()


@parametrize_quick(
    "server,program", [("PostgreSQL", b"bin/postgres"), ("RabbitMQ", b"/beam.smp")], quick=1
)
async def test_standalone_ends_with_a_server_that_has_ended(
    folder: Path, server: str, program: bytes
) -> None:
    running = await start("--folder", str(folder), errors=PIPE)
    heads = [pid for pid in processes_of(folder) if program in command_of(pid)]
    os.kill(min(heads), signal.SIGKILL)
    code, errors = await running.end()

    assert code == Exit.UNAVAILABLE
    assert f"Error: {server} has ended." in errors
    await until_nothing_is_left_of(folder)


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0]


async def activate_the_sample(folder: Path, *arguments: str) -> None:
    """Starts it with the sample, activates a number, and stops it."""
    records = folder / "records.jsonl"
    records.write_text("\n".join(map(json.dumps, SAMPLE)), encoding="utf-8")
    running = await start("--import", str(records), *arguments)
    code, output = await command(running.environment, "send", "activate", NUMBER, *PLACE, "--wait")
    assert (code, "ACTIVE" in output) == (Exit.DONE, True)
    assert await running.stop() == 0


class Standalone:
    """A running `activation-worker standalone`."""

    def __init__(self, process: asyncio.subprocess.Process, urls: dict[str, str]) -> None:
        self._process = process
        self.environment = {**without_servers(ENVIRONMENT), **urls}
        """The environment with the variables that it prints for the user to export."""
        self._rest = asyncio.create_task(process.communicate())

    async def stop(self) -> int | None:
        """Sends Ctrl-C and returns the exit code."""
        self._process.send_signal(signal.SIGINT)
        code, _ = await self.end()
        return code

    async def end(self) -> tuple[int | None, str]:
        """Waits for its end; returns the exit code, and the errors if a pipe takes them."""
        _, errors = await asyncio.wait_for(self._rest, 60)
        return self._process.returncode, (errors or b"").decode()


async def start(*arguments: str, errors: int | TextIO = sys.stderr) -> Standalone:
    process = await asyncio.create_subprocess_exec(
        COMMAND, "standalone", *arguments, env=ENVIRONMENT, stdout=PIPE, stderr=errors
    )
    assert process.stdout is not None
    urls: dict[str, str] = {}
    async with asyncio.timeout(60):
        while len(urls) < 2:
            line = await process.stdout.readline()
            assert line, "standalone ended before it printed the URLs of its servers"
            name, _, url = line.decode().strip().partition("=")
            urls[name.removeprefix("export ")] = url
    return Standalone(process, urls)
