"""Processes that help to measure, and end by themselves."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from tests.benchmarks.contestants import Failed
from worker.local.process import Runner

ANSWER_MAXIMUM_BYTES = 1 << 20
"""The times of some ten thousand commands."""


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


@asynccontextmanager
async def answering(
    command: Sequence[str], environment: Mapping[str, str]
) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """A process that answers with one line whenever it is asked for one; ended at the end.

    Asking raises `Failed` when it ended instead; what it complained of stands above, on our own
    standard error.
    """
    process = await asyncio.create_subprocess_exec(
        *Runner(None, environment).guarded(command, signal.SIGKILL),
        env=dict(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=ANSWER_MAXIMUM_BYTES,
    )
    questions, answers = process.stdin, process.stdout
    if questions is None or answers is None:
        raise AssertionError

    async def ask() -> bytes:
        questions.write(b"\n")
        await questions.drain()
        answer = await answers.readline()
        if not answer:
            raise Failed(f"{' '.join(command)} ended with {await process.wait()}")
        return answer

    try:
        yield ask
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
