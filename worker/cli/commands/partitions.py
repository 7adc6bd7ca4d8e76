"""The `partitions` command: shows or changes the number of partitions."""

import sys

import click

from worker.cli.exits import run_async, settings_of_environment
from worker.cli.options import AS_JSON, SECONDS, to_json
from worker.cli.streams import note
from worker.core.partitions import PARTITIONS_MAXIMUM
from worker.runtime.printable import printable

__all__ = ["partitions"]


@click.command()
@click.argument(
    "number", metavar="[NUMBER]", type=click.IntRange(1, PARTITIONS_MAXIMUM), required=False
)
@click.option(
    "--wait",
    "wait_seconds",
    type=SECONDS,
    default=60,
    show_default=True,
    help="How long to wait for workers to stop.",
)
@AS_JSON
def partitions(number: int | None, wait_seconds: float, as_json: bool) -> None:
    """Show the number of partitions and the workers that serve them, or change it to NUMBER.

    Stop all workers before a change: the command waits until none runs, and a worker that starts
    meanwhile waits for the command. Publishers may continue. After an interruption run the same
    command again; no worker serves before the change is finished.
    """
    from worker.operator.partitions.repartition import repartition
    from worker.operator.partitions.showing import format_partitions, show_partitions
    from worker.telemetry import logs

    settings = settings_of_environment()
    logs.configure(
        sys.stderr,
        format=settings.log_format,
        level="warning",
        numbers=settings.log_numbers,
    )
    if number is not None:
        work = repartition(
            settings,
            number,
            wait_seconds=wait_seconds,
            report=lambda message: note(printable(message)),
        )
        run_async(work)
    shown = run_async(show_partitions(settings))
    click.echo(to_json(shown) if as_json else format_partitions(shown))
