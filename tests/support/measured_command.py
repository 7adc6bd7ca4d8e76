"""Runs the installed command as a process, and measures its memory."""

import asyncio
import time
from pathlib import Path
from typing import NamedTuple

from tests.support.environments import Environment
from tests.support.installed_command import COMMAND

__all__ = ["Ended", "ended"]


class Ended(NamedTuple):
    """How a command ended."""

    code: int | None
    output: str
    mebibytes: float
    """Its largest resident size."""
    seconds: float


async def ended(environment: Environment, *arguments: str) -> Ended:
    """Runs the command to its end, and looks at its memory meanwhile."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    communicating = asyncio.create_task(process.communicate())
    highest = 0.0
    while not communicating.done():
        highest = max(highest, _highest_mebibytes(process.pid))
        await asyncio.sleep(0.02)
    output, _ = await communicating
    return Ended(process.returncode, output.decode(), highest, time.monotonic() - began)


def _highest_mebibytes(pid: int) -> float:
    # Not ru_maxrss: it begins with the size of the process that starts the command.
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) / 1024 if found else 0.0
