"""No password stands in the log of a worker, nor in what others see of its process."""

import asyncio
import signal
from pathlib import Path

import aiohttp

from tests.support.environments import Environment, environment
from tests.support.installed_command import COMMAND, PATIENCE_SECONDS, until_logged
from tests.support.quick import parametrize_quick
from tests.support.servers.postgresql import Administered
from worker.storage.connecting.engine import open_database
from worker.storage.deployment.migrate import migrate

__all__ = ["environment"]

MARK = "hunter2"


@parametrize_quick(
    "change, action",
    [
        ({"AMQP_URL": f"amqp://ada:{MARK}@127.0.0.1:1/"}, b"broker_lost"),
        ({"AMQP_URL": f"amqp://ada:{MARK}%40@no-such-host.invalid/"}, b"broker_lost"),
        ({"DATABASE_URL": f"postgresql://ada:{MARK}@127.0.0.1:1/x"}, b"database_lost"),
    ],
    quick=1,
)
async def test_run_logs_no_password(
    environment: Environment, change: dict[str, str], action: bytes
) -> None:
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        "run",
        env={**environment, **change, "WORKER_LOG_LEVEL": "debug"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    lines = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for line in process.stderr:
            lines.append(line)
            if action in line:
                process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert MARK.encode() not in b"".join(lines)


async def test_ps_and_the_http_endpoints_of_a_serving_worker_show_no_password(
    environment: Environment, administered: Administered
) -> None:
    login = f"SUPERUSER LOGIN PASSWORD '{MARK}'"
    async with administered.role(login) as role, administered.database() as name:
        url = administered.url(name, f"{role}:{MARK}")
        async with open_database(url) as database:
            await migrate(database)
        process = await asyncio.create_subprocess_exec(
            COMMAND,
            "run",
            env={**environment, "DATABASE_URL": url},
            stderr=asyncio.subprocess.PIPE,
        )
        port = (await until_logged(process, "http_started"))["port"]
        await until_logged(process, "leadership_gained")
        shown = [await asyncio.to_thread(command_line_of, process.pid)]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            for path in ("/healthz", "/readyz", "/metrics"):
                async with client.get(path) as response:
                    shown.append(await response.read())
        process.terminate()
        _, log = await process.communicate()

    assert all(shown)
    assert MARK.encode() not in b"".join((*shown, log))


def command_line_of(process_id: int) -> bytes:
    """What `ps` shows of a process."""
    return Path(f"/proc/{process_id}/cmdline").read_bytes()
