"""No password stands in the log of a worker that cannot use its servers."""

import asyncio
import signal

import pytest

from tests.support.environments import Environment, environment
from tests.support.installed_command import COMMAND, PATIENCE_SECONDS

__all__ = ["environment"]

MARK = "hunter2"


@pytest.mark.parametrize(
    ("change", "action"),
    [
        ({"AMQP_URL": f"amqp://ada:{MARK}@127.0.0.1:1/"}, b"broker_lost"),
        ({"AMQP_URL": f"amqp://ada:{MARK}%40@no-such-host.invalid/"}, b"broker_lost"),
        ({"DATABASE_URL": f"postgresql://ada:{MARK}@127.0.0.1:1/x"}, b"database_lost"),
    ],
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
