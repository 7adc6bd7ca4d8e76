"""The other processes of a campaign; they end with it."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tests.support.releases import Release
from worker.local.process import Runner

END_SECONDS = 60


@asynccontextmanager
async def child_process(
    module: str, *arguments: object, environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs a module of the campaign as a process; terminates it at the end and waits."""
    command = [sys.executable, "-m", f"tests.campaign.running.{module}", *map(str, arguments)]
    process = await asyncio.create_subprocess_exec(
        *Runner(None, environment).guarded(command, signal.SIGKILL), env=dict(environment)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), END_SECONDS)
        except TimeoutError:
            process.kill()


async def prepare(
    release: Release, environment: Mapping[str, str], records: str, partitions: int
) -> None:
    """Creates tables, topology, partitions and records with the command of this release."""
    for arguments, given in (
        (("migrate",), None),
        (("topology",), None),
        (("partitions", str(partitions)), None),
        (("import", "-"), records.encode()),
    ):
        await command(release, environment, *arguments, given=given)


async def command(
    release: Release, environment: Mapping[str, str], *arguments: str, given: bytes | None = None
) -> str:
    """Runs the command of this release and returns its output. Raises RuntimeError if it fails."""
    process = await asyncio.create_subprocess_exec(
        *release.command,
        *arguments,
        env={**environment, **release.variables},
        stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate(given)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{output.decode()}")
    return output.decode()
