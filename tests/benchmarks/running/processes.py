"""Client processes of the benchmark."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from tests.benchmarks.running.implementations import ProcessFailed
from worker.local.process import Runner

ANSWER_MAXIMUM_BYTES = 1 << 20
"""The times of some ten thousand commands."""


async def run_to_end(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Runs a process to its end; raises `ProcessFailed` with its output unless it exits with 0."""
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
    if process.returncode != 0:
        text = output.decode(errors="replace")
        raise ProcessFailed(f"{' '.join(command)} ended with {process.returncode}:\n{text}")


@asynccontextmanager
async def interactive_process(
    command: Sequence[str], environment: Mapping[str, str]
) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Runs a process that answers each line with a line; what it yields asks for one.

    That raises `ProcessFailed` if the process has ended. Its errors go to our standard error.
    """
    process = await asyncio.create_subprocess_exec(
        *Runner(None, environment).guarded(command, signal.SIGKILL),
        env=dict(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=ANSWER_MAXIMUM_BYTES,
    )
    requests, answers = process.stdin, process.stdout
    if requests is None or answers is None:
        raise AssertionError

    async def ask() -> bytes:
        requests.write(b"\n")
        await requests.drain()
        answer = await answers.readline()
        if not answer:
            raise ProcessFailed(f"{' '.join(command)} ended with {await process.wait()}")
        return answer

    try:
        yield ask
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
