"""A private PgBouncer in front of the tests' PostgreSQL."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from worker.local.account import account_for
from worker.local.installations import search_path
from worker.local.ports import LOOPBACK, on_free_ports
from worker.local.process import Runner, ServerProcess

__all__ = ["Pooled"]

Pooled = Callable[..., AbstractAsyncContextManager[str]]
"""Called with a database's URL and a pool mode: the same database's URL through a PgBouncer."""

CONFIGURATION = """\
[databases]
* = host={host} port={server_port} user={user}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 50
{more}
"""


@pytest.fixture
def pooled() -> Pooled:
    """Starts a PgBouncer. Skips the test where none is installed, except under CI."""
    program = shutil.which("pgbouncer", path=search_path())
    if program is None:
        assert not os.environ.get("CI"), "pgbouncer is not installed"
        pytest.skip("pgbouncer is not installed")

    return partial(_started, program)


@asynccontextmanager
async def _started(
    program: str, database_url: str, mode: str, more: str = ""
) -> AsyncIterator[str]:
    server = urlsplit(database_url)
    runner = Runner(account_for("postgres"), {"PATH": search_path()})
    processes: list[ServerProcess] = []
    with tempfile.TemporaryDirectory(prefix="activation-worker-") as name:
        folder = Path(name)

        async def launch(ports: tuple[int, ...]) -> None:
            text = CONFIGURATION.format(
                host=LOOPBACK,
                server_port=server.port,
                user=server.username,
                port=ports[0],
                mode=mode,
                more=more,
            )
            process = ServerProcess.start(
                runner,
                [program, str(_written(folder, text))],
                log=folder / "log",
                ends_by=signal.SIGINT,
            )
            processes.append(process)
            await process.wait_for(
                lambda: _accepts(ports[0]), name="PgBouncer", deadline_seconds=20
            )

        try:
            (port,) = await on_free_ports(1, launch)
            yield f"postgresql://{server.username}@{LOOPBACK}:{port}{server.path}"
        finally:
            for process in processes:
                await process.stop(signal.SIGINT, deadline_seconds=5)


def _written(folder: Path, text: str) -> Path:
    """The configuration, where the user of PgBouncer can read it."""
    folder.chmod(0o711)
    file = folder / "pgbouncer.ini"
    file.write_text(text)
    file.chmod(0o644)
    return file


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True
