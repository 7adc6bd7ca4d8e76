"""Processes that help to measure, and end by themselves."""

import asyncio
import signal
from collections.abc import Mapping, Sequence

from tests.benchmarks.contestants import Failed
from worker.servers.process import Runner


async def finished(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a process said; raises `Failed` when it did not end well."""
    process = await asyncio.create_subprocess_exec(
        *Runner(None, environment).guarded(command, signal.SIGKILL),
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = output.decode(errors="replace")
    if process.returncode != 0:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    return said
