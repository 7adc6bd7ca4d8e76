"""The command line: `python -m tests.benchmarks --help`."""

import asyncio
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from tests.benchmarks.data.sizes import FULL, QUICK, Size
from tests.benchmarks.data.verification import WrongRun
from tests.benchmarks.reporting import chart, report
from tests.benchmarks.reporting.figures import Figure
from tests.benchmarks.reporting.machine import machine, versions
from tests.benchmarks.reporting.report import Result
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.broker import MessagesMissing
from tests.benchmarks.running.costs import OtherProcesses
from tests.benchmarks.running.implementations import ProcessFailed
from tests.benchmarks.subjects import click as clicking
from tests.benchmarks.subjects import (
    directory,
    event_log,
    growth,
    latency,
    memory,
    partitions,
    start,
    throughput,
    tracing,
)
from tests.benchmarks.subjects.plans import NotGeneric
from tests.support.faults.amqp_wire import ConnectionLost
from worker.local import PrivateServers, ServerUnavailable
from worker.operator.partitions.repartition import RepartitionTimedOut

FAILURES = (
    NotGeneric,
    RepartitionTimedOut,
    ProcessFailed,
    ConnectionLost,
    MessagesMissing,
    WrongRun,
    ServerUnavailable,
    OSError,
    TimeoutError,
)
POSTGRESQL_SETTINGS = {
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "5s",
}
"""Those that `worker/docs/operations.md` recommends for a high load."""
WIDTH = 140
"""Of the table, in columns, where the output is no terminal."""
Subject = Callable[[Bench, Size], Awaitable[list[Figure]]]
SUBJECTS: dict[str, Subject] = {
    "throughput": throughput.measure,
    "event-log": event_log.measure,
    "latency": latency.measure,
    "directory": directory.measure,
    "click": clicking.measure,
    "growth": growth.measure,
    "partitions": partitions.measure,
    "memory": memory.measure,
    "start": start.measure,
    "tracing": tracing.measure,
}


@click.command()
@click.option("--quick", is_flag=True, help="Measure little, in two minutes.")
@click.option("--seed", type=int, help="Plan the same commands as an earlier run with this seed.")
@click.option("--only", help=f"Only these subjects, comma-separated: {', '.join(SUBJECTS)}.")
@click.option(
    "--into",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/benchmark"),
    show_default=True,
    help="Where the figures are written.",
)
def main(*, quick: bool, seed: int | None, only: str | None, folder: Path) -> None:
    """Measure the worker, the physical limit and comparable implementations."""
    chosen = _chosen(only)
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    result = asyncio.run(_run(chosen, seed, quick=quick))
    console = Console()
    report.show(result, console if console.is_terminal else Console(width=WIDTH))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmark.json").write_text(report.to_json(result), encoding="utf-8")
    chart.draw(result, folder / "benchmark.svg")
    click.echo(f"{len(result.missed)} figures missed their floors: {folder / 'benchmark.json'}")
    raise SystemExit(1 if result.failures else 0)


def _chosen(only: str | None) -> list[str]:
    names = only.split(",") if only else list(SUBJECTS)
    if unknown := set(names) - set(SUBJECTS):
        raise click.UsageError(f"--only accepts {', '.join(SUBJECTS)}, not {', '.join(unknown)}")
    return names


async def _run(subjects: list[str], seed: int, *, quick: bool) -> Result:
    began, others = time.monotonic(), OtherProcesses()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        async with PrivateServers.started(postgresql_settings=POSTGRESQL_SETTINGS) as servers:
            date = datetime.now(UTC).isoformat(timespec="seconds")
            result = Result(seed, quick, date, machine(), await versions(servers))
            bench = Bench(servers, Path(folder), seed, log=_progress(began))
            for name in subjects:
                await _measure(result, name, bench)
            result.plans, result.memory = bench.plans, bench.memory
            result.notes = bench.notes
            result.used_by_others = others.share()
    result.seconds = time.monotonic() - began
    return result


async def _measure(result: Result, name: str, bench: Bench) -> None:
    try:
        result.figures += await SUBJECTS[name](bench, QUICK if result.quick else FULL)
    except FAILURES as error:
        # The other subjects are still measured.
        result.failures.append(f"{name}: {error!r}")
        bench.log(result.failures[-1])


def _progress(began: float) -> Callable[[str], None]:
    def log(text: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True)

    return log


if __name__ == "__main__":
    main()
