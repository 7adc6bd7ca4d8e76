"""Tests a PBX at a broker: a harness and a run of the cases, together."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from activation_contracts.broker.connection import CONNECTION_ERRORS
from activation_contracts.conformance.arguments import Options
from activation_contracts.conformance.broker_harness import (
    QueueInUse,
    TopologyMissing,
    broker_harness,
)
from activation_contracts.conformance.judging import Verdict
from activation_contracts.conformance.planning import Plan
from activation_contracts.conformance.running import Limits, Run

__all__ = ["NotTested", "run_at", "verdicts_at"]

RESTART_SECONDS: Final = 120
"""How long the command that restarts the PBX may take."""

Restart = Callable[[], Awaitable[None]]


class NotTested(Exception):
    """Nothing could be tested; the text says why, and what to do."""


async def verdicts_at(
    url: str, options: Options, plan: Plan, remark: Callable[[str], None]
) -> list[Verdict]:
    """The verdicts on the PBX at this broker. Raises `NotTested`."""
    command = options.restart_command
    address = urlsplit(url)
    used_url = url if options.virtual_host is None else _at_virtual_host(url, options.virtual_host)
    try:
        return await run_at(
            used_url,
            plan,
            options.limits,
            purges=options.purges,
            restart=None if command is None else lambda: _execute(command),
            remark=remark,
        )
    except (QueueInUse, TopologyMissing) as error:
        raise NotTested(str(error)) from error
    except CONNECTION_ERRORS as error:
        reason = str(error) or type(error).__name__
        message = f"RabbitMQ at {address.hostname}:{address.port or 5672}: {reason}"
        raise NotTested(message) from error


async def run_at(
    url: str,
    plan: Plan,
    limits: Limits,
    *,
    purges: bool = False,
    restart: Restart | None = None,
    remark: Callable[[str], None] = lambda _: None,
) -> list[Verdict]:
    """Runs the planned cases at the broker.

    Raises `QueueInUse`, `TopologyMissing` and `CONNECTION_ERRORS`.
    """
    async with broker_harness(url, purges=purges) as harness:
        run = Run(harness, limits, restart)
        await harness.receive(run.receive)
        verdicts = await run.verdicts(plan.cases)
        for queue, count in (await harness.remove_leftovers()).items():
            remark(f"{queue}: nothing consumed {count} requests of this test; they are removed.")
    return verdicts


def _at_virtual_host(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name, safe='')}"))


async def _execute(command: Sequence[str]) -> None:
    """Runs the command that restarts the PBX. Raises `NotTested` if it fails or hangs."""
    try:
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    except OSError as error:
        raise NotTested(f"--restart-command: {error}") from error
    try:
        status = await asyncio.wait_for(process.wait(), RESTART_SECONDS)
    except TimeoutError:
        raise NotTested(
            f"--restart-command: {command[0]} did not end within {RESTART_SECONDS} seconds. It has"
            " to start the PBX in the background, and to end."
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status:
        raise NotTested(f"--restart-command: {command[0]} ended with exit status {status}.")
