"""Finds processes that servers left behind."""

import asyncio
import contextlib
from pathlib import Path

PATIENCE_SECONDS = 90


def processes_of(folder: Path) -> set[int]:
    """Every process whose command line, environment or working directory names the folder."""
    every = (entry for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return {int(entry.name) for entry in every if str(folder) in _traces(entry)}


async def until_nothing_is_left_of(folder: Path) -> None:
    """Waits until the last process of the folder has ended; fails if one stays."""
    for _ in range(PATIENCE_SECONDS * 20):
        if not processes_of(folder):
            return
        await asyncio.sleep(0.05)
    message = f"still there: {processes_of(folder)}"
    raise AssertionError(message)


def _traces(process: Path) -> str:
    # A process of PostgreSQL overwrites its environment with its title, but works in its folder.
    traces = ""
    for name in ("cmdline", "environ"):
        with contextlib.suppress(OSError):
            traces += (process / name).read_bytes().decode(errors="replace")
    with contextlib.suppress(OSError):
        traces += str((process / "cwd").readlink())
    return traces
