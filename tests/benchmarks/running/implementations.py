"""The measured implementations: each runs as a process and stops at SIGTERM, like the worker."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from worker.local.process import Runner

STOP_SECONDS = 40
TAIL_CHARACTERS = 3000


class ProcessFailed(Exception):
    """A process ended with an error; the text holds the end of its output."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """An implementation and the command that starts it."""

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    """What its environment has besides."""


def module(name: str, *arguments: object) -> tuple[str, ...]:
    """The command that runs a module of the benchmarks."""
    return (sys.executable, "-m", f"tests.benchmarks.{name}", *map(str, arguments))


def worker() -> Implementation:
    """The installed worker."""
    command = str(Path(sys.executable).with_name("activation-worker"))
    return Implementation("worker", (command, "run"))


def traced_worker(name: str, **variables: str) -> Implementation:
    """The worker that traces commands, with these variables of OpenTelemetry."""
    return replace(worker(), name=name, variables={"WORKER_TRACING": "true", **variables})


def probe(samples: Path) -> Implementation:
    """The physical limit: publishes the same messages, decides and stores nothing."""
    return Implementation("probe", module("running.probe", samples))


def batched_probe(samples: Path) -> Implementation:
    """The probe with the worker's batched publisher confirms."""
    return Implementation("batched probe", module("running.probe", samples, "--batched"))


FASTSTREAM = Implementation("FastStream", module("peers.faststream_peer", "one-commit"))
AIO_PIKA = Implementation("aio-pika", module("peers.aiopika_peer", "one-commit"))
"""One transaction for each message; the handler publishes both events and deletes their rows."""
FASTSTREAM_TWO_COMMITS = Implementation(
    "FastStream, two commits", module("peers.faststream_peer", "two-commits")
)
AIO_PIKA_TWO_COMMITS = Implementation(
    "aio-pika, two commits", module("peers.aiopika_peer", "two-commits")
)
"""PENDING is committed and published before ACTIVE is decided, as the worker promises."""
FASTSTREAM_RELAY = Implementation("FastStream, relay", module("peers.faststream_peer", "relay"))
AIO_PIKA_RELAY = Implementation("aio-pika, relay", module("peers.aiopika_peer", "relay"))
"""One transaction for each message; a relay publishes the events of many messages together."""


@asynccontextmanager
async def running(
    implementation: Implementation, environment: Mapping[str, str], log: Path
) -> AsyncIterator[int]:
    """Runs the process with its output in the log; yields its pid and ends it with SIGTERM.

    Raises `ProcessFailed` unless its exit code is 0.
    """
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *Runner(None, environment).guarded(implementation.command, signal.SIGKILL),
            env={**environment, **implementation.variables},
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
        raise ProcessFailed(f"{implementation.name} ended with {process.returncode}:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:]
