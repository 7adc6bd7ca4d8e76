"""Who is measured: each a process of its own, started and stopped like the installed worker."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from worker.local.process import Runner

STOP_SECONDS = 40
TAIL_CHARACTERS = 3000


class Failed(Exception):
    """A process ended as it should not; the text holds its last words."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """How one of them is started."""

    name: str
    command: tuple[str, ...]


def module(name: str, *arguments: object) -> tuple[str, ...]:
    """The command that runs a module of the benchmarks."""
    return (sys.executable, "-m", f"tests.benchmarks.{name}", *map(str, arguments))


def worker() -> Contestant:
    """The worker as it is installed."""
    command = str(Path(sys.executable).with_name("activation-worker"))
    return Contestant("worker", (command, "run"))


def probe(samples: Path) -> Contestant:
    """The physical limit: the same messages, and nothing decided or stored."""
    return Contestant("probe", module("probe", samples))


def pipelined_probe(samples: Path) -> Contestant:
    """The same with the worker's own way to write many messages at once."""
    return Contestant("pipelined probe", module("probe", samples, "--pipelined"))


FASTSTREAM = Contestant("FastStream", module("peers.faststream_peer", "one-commit"))
AIO_PIKA = Contestant("aio-pika", module("peers.aiopika_peer", "one-commit"))
"""One message, one transaction; its handler publishes the two events, and deletes their rows in
another."""
FASTSTREAM_IN_TWO = Contestant(
    "FastStream, two commits", module("peers.faststream_peer", "two-commits")
)
AIO_PIKA_IN_TWO = Contestant("aio-pika, two commits", module("peers.aiopika_peer", "two-commits"))
"""What the worker promises: PENDING is committed and said before ACTIVE is decided."""
FASTSTREAM_RELAY = Contestant("FastStream, relay", module("peers.faststream_peer", "relay"))
AIO_PIKA_RELAY = Contestant("aio-pika, relay", module("peers.aiopika_peer", "relay"))
"""One message, one transaction; a relay says what many have stored."""


@asynccontextmanager
async def running(
    contestant: Contestant, environment: Mapping[str, str], log: Path
) -> AsyncIterator[int]:
    """A running process, its words in the log; its number. Stopped in order at the end.

    Raises `Failed` when it did not end well.
    """
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *Runner(None, environment).guarded(contestant.command, signal.SIGKILL),
            env=dict(environment),
            stdout=output,
            stderr=output,
        )
    try:
        yield process.pid
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise Failed(f"{contestant.name} ended with {process.returncode}:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:]
