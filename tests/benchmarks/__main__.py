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

from tests.benchmarks import growth, latency, memory, partitions, picture, report, start, throughput
from tests.benchmarks.broker import Missing
from tests.benchmarks.contestants import Failed
from tests.benchmarks.costs import Elsewhere
from tests.benchmarks.figures import Figure
from tests.benchmarks.ledger import WrongRun
from tests.benchmarks.machine import machine, versions
from tests.benchmarks.report import Result
from tests.benchmarks.sizes import FULL, QUICK, Size
from tests.benchmarks.stage import Stage
from tests.support.amqp_wire import ConnectionLost
from worker.local import PrivateServers, ServerUnavailable

FAILURES = (Failed, ConnectionLost, Missing, WrongRun, ServerUnavailable, OSError, TimeoutError)
POSTGRESQL_SETTINGS = {
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "5s",
}
"""As `worker/docs/operations.md` asks for where much is done, and says why."""
WIDTH = 140
"""Where there is no terminal to ask."""
Subject = Callable[[Stage, Size], Awaitable[list[Figure]]]
SUBJECTS: dict[str, Subject] = {
    "throughput": throughput.measure,
    "latency": latency.measure,
    "growth": growth.measure,
    "partitions": partitions.measure,
    "memory": memory.measure,
    "start": start.measure,
}


@click.command()
@click.option("--quick", is_flag=True, help="A look in two minutes.")
@click.option("--seed", type=int, help="The same seed plans the same commands.")
@click.option("--only", help=f"Some subjects, by commas: {', '.join(SUBJECTS)}.")
@click.option(
    "--into",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/benchmark"),
    show_default=True,
)
def main(*, quick: bool, seed: int | None, only: str | None, folder: Path) -> None:
    """Measure the worker beside the physical limit and beside what people would write."""
    chosen = _chosen(only)
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    result = asyncio.run(_run(chosen, seed, quick=quick))
    console = Console()
    report.show(result, console if console.is_terminal else Console(width=WIDTH))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmark.json").write_text(report.written(result), encoding="utf-8")
    picture.draw(result, folder / "benchmark.svg")
    click.echo(f"{len(result.missed)} missed: {folder / 'benchmark.json'}")
    raise SystemExit(1 if result.failures else 0)


def _chosen(only: str | None) -> list[str]:
    names = only.split(",") if only else list(SUBJECTS)
    if unknown := set(names) - set(SUBJECTS):
        raise click.UsageError(f"--only knows {', '.join(SUBJECTS)}, not {', '.join(unknown)}")
    return names


async def _run(subjects: list[str], seed: int, *, quick: bool) -> Result:
    began, elsewhere = time.monotonic(), Elsewhere()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        async with PrivateServers.started(postgresql_settings=POSTGRESQL_SETTINGS) as servers:
            date = datetime.now(UTC).isoformat(timespec="seconds")
            result = Result(seed, quick, date, machine(), await versions(servers))
            stage = Stage(servers, Path(folder), seed, tell=_progress(began))
            for name in subjects:
                await _measured(result, name, stage)
            result.plans, result.memory = stage.plans, stage.memory
            result.notes = stage.notes
            result.used_by_others = elsewhere.share()
    result.seconds = time.monotonic() - began
    return result


async def _measured(result: Result, name: str, stage: Stage) -> None:
    try:
        result.figures += await SUBJECTS[name](stage, QUICK if result.quick else FULL)
    except FAILURES as error:
        # The other subjects are still worth their figures.
        result.failures.append(f"{name}: {error!r}")
        stage.tell(result.failures[-1])


def _progress(began: float) -> Callable[[str], None]:
    def tell(words: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {words}", err=True)

    return tell


if __name__ == "__main__":
    main()
