"""The command `standalone`: the worker with private servers."""

import asyncio
import json
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environments import unmeasured
from tests.support.installed_command import COMMAND, NUMBER, PLACE, SAMPLE, command
from worker.cli.exits import Exit

ENVIRONMENT: dict[str, str] = {**unmeasured(), "WORKER_HTTP_PORT": "0"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the servers can traverse too: they do not run as root."""
    with tempfile.TemporaryDirectory(prefix="activation-worker-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


async def test_standalone_stops_with_ctrl_c_and_keeps_its_data_in_the_folder(
    place: Path,
) -> None:
    records = place / "records.jsonl"
    records.write_text("\n".join(map(json.dumps, SAMPLE)), encoding="utf-8")
    folder = ("--folder", str(place / "data"))
    first = await started(*folder, "--import", str(records))
    code, output = await command(first.urls, "send", "activate", NUMBER, *PLACE, "--wait")
    assert (code, "ACTIVE" in output) == (Exit.DONE, True)
    assert await first.stopped() == 0
    again = await started(*folder)
    code, output = await command(again.urls, "show", NUMBER)
    assert (code, "ACTIVE" in output) == (Exit.DONE, True)
    assert await again.stopped() == 0


async def test_standalone_reports_errors_before_it_starts_servers(place: Path) -> None:
    wrong = place / "wrong.jsonl"
    wrong.write_text('{"kind": "voice_service"}', encoding="utf-8")
    code, output = await command(ENVIRONMENT, "standalone", "--import", str(wrong))
    assert (code, "Nothing was imported" in output) == (Exit.INVALID_DATA, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        there = {"WORKER_HTTP_HOST": "127.0.0.1", "WORKER_HTTP_PORT": str(taken.getsockname()[1])}
        folder = place / "data"
        code, output = await command(
            {**ENVIRONMENT, **there}, "standalone", "--folder", str(folder)
        )
    assert (code, "cannot listen" in output) == (Exit.UNAVAILABLE, True)
    assert not folder.exists()


class Standalone:
    """A running `activation-worker standalone`."""

    def __init__(self, process: asyncio.subprocess.Process, urls: dict[str, str]) -> None:
        self._process = process
        self.urls = {**ENVIRONMENT, **urls}
        """The environment with the variables that it prints for the user to export."""
        self._rest = asyncio.create_task(process.communicate())

    async def stopped(self) -> int | None:
        """Sends Ctrl-C and returns the exit code."""
        self._process.send_signal(signal.SIGINT)
        await asyncio.wait_for(self._rest, 60)
        return self._process.returncode


async def started(*arguments: str) -> Standalone:
    process = await asyncio.create_subprocess_exec(
        COMMAND, "standalone", *arguments, env=ENVIRONMENT, stdout=PIPE, stderr=sys.stderr
    )
    assert process.stdout is not None
    urls: dict[str, str] = {}
    async with asyncio.timeout(60):
        while len(urls) < 2:
            line = await process.stdout.readline()
            assert line, "it ended before it printed the URLs of its servers"
            name, _, url = line.decode().strip().partition("=")
            urls[name.removeprefix("export ")] = url
    return Standalone(process, urls)
