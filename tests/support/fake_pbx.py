"""Runs the fake PBX as a PBX team does: as a process."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activation_contracts.fake_pbx.service import READY_LINE

__all__ = ["PATIENCE_SECONDS", "FakePbx", "fake_pbx", "misbehaving"]

PATIENCE_SECONDS = 90


class FakePbx:
    """The running process of the fake PBX."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until_printed(self, words: str, times: int = 1) -> None:
        """Reads its output until so many lines contain these words."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sum(words in line for line in self.lines) < times:
                line = await self.process.stdout.readline()
                assert line, f"the fake PBX ended before it printed {words!r}"
                self.lines.append(line.decode())


@asynccontextmanager
async def fake_pbx(amqp_url: str, *arguments: str) -> AsyncIterator[FakePbx]:
    """Runs the fake PBX; at the end stops it and asserts that it exits with 0."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "activation_contracts.fake_pbx", *arguments),
        env={**os.environ, "AMQP_URL": amqp_url},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield FakePbx(process)
        process.terminate()
        await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@asynccontextmanager
async def misbehaving(amqp_url: str, *faults: str) -> AsyncIterator[FakePbx]:
    """The fake PBX with these faults, ready."""
    arguments = (word for fault in faults for word in ("--fault", fault))
    async with fake_pbx(amqp_url, *arguments) as program:
        await program.until_printed(READY_LINE)
        yield program
