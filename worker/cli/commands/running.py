"""The commands `run` and `standalone`."""

import sys
from pathlib import Path
from typing import BinaryIO

import click

from worker.cli.exits import run_async, settings_of_environment
from worker.cli.streams import echo, note, readable

__all__ = ["run", "standalone"]


@click.command()
def run() -> None:
    """Run the worker until SIGTERM, SIGHUP or Ctrl-C.

    A second signal ends it at once.
    """
    from worker.app import run as app
    from worker.telemetry import logs

    settings = settings_of_environment()
    logs.configure(
        sys.stderr,
        format=settings.log_format,
        level=settings.log_level,
        numbers=settings.log_numbers,
    )
    run_async(app.run(settings))


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep data here.",
)
@click.option("--import", "records", type=click.File("rb"), help="Import these records first.")
def standalone(folder: Path | None, records: BinaryIO | None) -> None:
    """Run the worker with private servers.

    Starts a RabbitMQ and a PostgreSQL for this worker alone; Ctrl-C stops all of them, and so does
    the end of a server. AMQP_URL, DATABASE_URL and their files are ignored.
    """
    import os

    from worker.local.standalone import run_standalone, without_servers
    from worker.operator.importing.jsonl import lines_of
    from worker.telemetry import logs

    environment = without_servers(os.environ)
    settings = settings_of_environment(environment)
    logs.configure(
        sys.stderr,
        format=settings.log_format,
        level=settings.log_level,
        numbers=settings.log_numbers,
    )
    lines = None if records is None else readable(lines_of(records))
    run_async(run_standalone(environment, folder, lines, show=echo, report=note))
