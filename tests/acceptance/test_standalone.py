"""All in one command: the worker with servers of its own, for a trial."""

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

from tests.acceptance.test_installed_command import COMMAND, NUMBER, PLACE, SAMPLE, command
from tests.support.environments import unmeasured
from worker.cli.exits import Exit

ENVIRONMENT: dict[str, str] = {**unmeasured(), "WORKER_HTTP_PORT": "0"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the servers can enter too: they do not run as root."""
    with tempfile.TemporaryDirectory(prefix="activation-worker-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


async def test_it_works_until_ctrl_c_and_finds_its_numbers_again_in_its_folder(
    place: Path,
) -> None:
    records = place / "records.jsonl"
    records.write_text("\n".join(map(json.dumps, SAMPLE)), encoding="utf-8")
    folder = ("--folder", str(place / "data"))
    first = await started(*folder, "--import", str(records))
    code, said = await command(first.urls, "send", "activate", NUMBER, *PLACE, "--wait")
    assert (code, "ACTIVE" in said) == (Exit.DONE, True)
    assert await first.stopped() == 0
    again = await started(*folder)
    code, said = await command(again.urls, "show", NUMBER)
    assert (code, "ACTIVE" in said) == (Exit.DONE, True)
    assert await again.stopped() == 0


async def test_what_is_wrong_is_said_before_servers_are_started(place: Path) -> None:
    wrong = place / "wrong.jsonl"
    wrong.write_text('{"kind": "voice_service"}', encoding="utf-8")
    code, said = await command(ENVIRONMENT, "standalone", "--import", str(wrong))
    assert (code, "Nothing was imported" in said) == (Exit.INVALID_DATA, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        there = {"WORKER_HTTP_HOST": "127.0.0.1", "WORKER_HTTP_PORT": str(taken.getsockname()[1])}
        folder = place / "data"
        code, said = await command({**ENVIRONMENT, **there}, "standalone", "--folder", str(folder))
    assert (code, "cannot listen" in said) == (Exit.UNAVAILABLE, True)
    assert not folder.exists()


class Standalone:
    """One that runs."""

    def __init__(self, process: asyncio.subprocess.Process, urls: dict[str, str]) -> None:
        self._process = process
        self.urls = {**ENVIRONMENT, **urls}
        """What it said to export."""
        self._rest = asyncio.create_task(process.communicate())

    async def stopped(self) -> int | None:
        """Its exit code after Ctrl-C."""
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
            assert line, "it ended before it said where its servers are"
            name, _, url = line.decode().strip().partition("=")
            urls[name.removeprefix("export ")] = url
    return Standalone(process, urls)
