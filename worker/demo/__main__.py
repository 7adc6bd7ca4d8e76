"""Runs the demo: private servers, the worker, a PBX, a web tier and a subscriber, all processes."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import click
from activation_contracts.fake_pbx.service import READY_LINE

from worker.cli.exits import run_async
from worker.cli.streams import echo, note
from worker.demo.sample import REFUSED_NUMBER, RESTING_NUMBER, SLOW_NUMBER, records
from worker.demo.timeline import READY
from worker.demo.web_tier import PBX_TAKES_SECONDS
from worker.local import PrivateServers
from worker.local.standalone import prepare
from worker.operator.importing.jsonl import read_chunks

STORY_TIMEOUT_SECONDS: Final = 90
WORKER_SETTINGS: Final = {
    "WORKER_HTTP_PORT": "0",
    # Activations await the result of the PBX, and one of them awaits it for long.
    "WORKER_AWAITED_STEPS": "activation",
    "WORKER_OPERATION_AT_RISK_SECONDS": "2",
}
PBX: Final = (
    *("-m", "activation_contracts.fake_pbx"),
    *("--fault", f"activation@{REFUSED_NUMBER}=refuse:EXTENSION_IN_USE"),
    *("--fault", f"activation@{SLOW_NUMBER}=slow:{PBX_TAKES_SECONDS}"),
)
AFTERWARDS: Final = (
    (f"Why is {RESTING_NUMBER} not active?", "worker", "show", RESTING_NUMBER),
    ("Which phones must people log out?", "worker", "manual-logouts"),
    ("The second act: the platform's records change.", "worker.demo.second_act"),
    ("A subscriber comes late.", "worker.demo.latecomer"),
)
"""What follows the first act: headings, and the modules that run."""


class DemoFailed(Exception):
    """A part of the demo did not show what it should; the text names it."""


@asynccontextmanager
async def _process(
    *arguments: str,
    environment: Mapping[str, str],
    output: int | None = None,
    log: int | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process, stopped with SIGTERM at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=dict(environment), stdout=output, stderr=log
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def _run_demo(environment: Mapping[str, str], log: Path) -> None:
    subscriber, piped = ("-m", "worker.demo.timeline"), subprocess.PIPE
    with log.open("wb") as worker_log:
        async with (
            _process("-m", "worker", "run", environment=environment, log=worker_log.fileno()),
            _process(*PBX, environment=environment, output=piped) as pbx,
            _process(*subscriber, environment=environment, output=piped) as timeline,
        ):
            await _until_listening(pbx)
            await _show(timeline, environment)
            for heading, module, *arguments in AFTERWARDS:
                echo(click.style(f"\n{heading}", bold=True))
                await run_to_end(environment, module, *arguments)


async def run_to_end(environment: Mapping[str, str], module: str, *arguments: str) -> None:
    """Runs a part of the demo; raises `DemoFailed` unless it exits with 0."""
    async with _process("-m", module, *arguments, environment=environment) as process:
        async with asyncio.timeout(STORY_TIMEOUT_SECONDS):
            code = await process.wait()
    if code:
        raise DemoFailed(f"{module} ended with {code}: the demo has not shown what it should")


async def _until_listening(pbx: asyncio.subprocess.Process) -> None:
    if pbx.stdout is None:
        raise RuntimeError("the PBX has no output")
    async with asyncio.timeout(STORY_TIMEOUT_SECONDS):
        async for line in pbx.stdout:
            if READY_LINE in line.decode():
                return
    raise RuntimeError("the PBX ended before it consumed messages")


async def _show(timeline: asyncio.subprocess.Process, environment: Mapping[str, str]) -> None:
    if timeline.stdout is None:
        raise RuntimeError("the subscriber has no output")
    async with asyncio.timeout(STORY_TIMEOUT_SECONDS), asyncio.TaskGroup() as group:
        async for line in timeline.stdout:
            text = line.decode().rstrip()
            echo(text)
            if text == READY:
                group.create_task(run_to_end(environment, "worker.demo.web_tier"))


async def main() -> None:
    """The whole demo; it leaves nothing behind."""
    echo("Starting a private RabbitMQ and a private PostgreSQL ...")
    with tempfile.TemporaryDirectory(prefix="activation-worker-demo-") as folder:
        async with PrivateServers.started() as servers:
            own = {**os.environ, **WORKER_SETTINGS, "PYTHONUNBUFFERED": "1"}
            settings = await prepare(servers, own, read_chunks(records()), note)
            environment = {
                **own,
                "AMQP_URL": settings.amqp_urls[0],
                "DATABASE_URL": settings.database_url,
            }
            await _run_demo(environment, Path(folder) / "worker.log")
            echo("\nStopping everything ...")
    echo("Nothing is left behind.")


if __name__ == "__main__":
    run_async(main())
