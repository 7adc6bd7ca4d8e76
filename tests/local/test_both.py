import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.local.leftovers import PATIENCE_SECONDS, processes_of, until_nothing_is_left_of
from tests.support.quick import parametrize_quick
from worker.local import PrivateServers, ServerUnavailable

STARTER = """
import asyncio, pathlib, sys
from worker.local import PrivateServers

async def main():
    async with PrivateServers.started(pathlib.Path(sys.argv[1])) as servers:
        print(servers.rabbitmq.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.campaign
async def test_servers_start_in_a_temporary_folder_that_is_removed_with_them(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    async with PrivateServers.started() as servers:
        assert servers.rabbitmq.url.startswith("amqp://guest:guest@127.0.0.1:")
        assert servers.postgresql.url.startswith("postgresql+asyncpg://activation@127.0.0.1:")
        assert len(processes_of(folder)) > 2
    assert not processes_of(folder)
    assert not any(Path(folder).iterdir())  # noqa: ASYNC240 -- nothing else runs here


async def test_failure_of_one_server_stops_the_other(folder: Path) -> None:
    (folder / "postgresql").mkdir(mode=0o711)
    (folder / "postgresql" / "data").mkdir()
    with pytest.raises(ServerUnavailable, match="PostgreSQL ended during its start"):
        async with PrivateServers.started(folder):
            pytest.fail("it started on an empty data folder")
    await until_nothing_is_left_of(folder)


@parametrize_quick("processes", [6, 3, 1], quick=1)
async def test_cancelled_start_leaves_no_process(folder: Path, processes: int) -> None:
    async def start() -> None:
        async with PrivateServers.started(folder):
            await asyncio.Event().wait()

    starting = asyncio.create_task(start())
    while len(processes_of(folder)) < processes and not starting.done():
        await asyncio.sleep(0)
    starting.cancel()
    with suppress(asyncio.CancelledError):
        await starting
    await until_nothing_is_left_of(folder)


async def test_servers_end_when_their_parent_is_killed(folder: Path) -> None:
    starter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTER, str(folder)), stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await starter.stdout.readline()
    assert len(processes_of(folder)) > 3

    os.kill(starter.pid, signal.SIGKILL)
    await starter.wait()
    await until_nothing_is_left_of(folder)
