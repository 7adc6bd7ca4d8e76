"""How many partitions there are, and changing that."""

import sys

import click

from worker.cli.exits import run_async, settings_of_environment
from worker.cli.options import AS_JSON, SECONDS, to_json
from worker.core.partitions import PARTITIONS_MAXIMUM

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
    """Show how many partitions there are and which workers serve them, or change to NUMBER.

    Stop all workers for a change: it waits until none runs, and a worker that starts meanwhile
    waits for it. Publishers may go on. After an interruption the same command continues; no worker
    serves before it has finished.
    """
    from worker.operator.partitions import in_words, show_partitions
    from worker.operator.repartition import repartition
    from worker.telemetry import logs

    settings = settings_of_environment()
    logs.configure(sys.stderr, format=settings.log_format, level="warning")
    if number is not None:
        work = repartition(
            settings,
            number,
            wait_seconds=wait_seconds,
            tell=lambda message: click.echo(message, err=True),
        )
        run_async(work)
    shown = run_async(show_partitions(settings))
    click.echo(to_json(shown) if as_json else in_words(shown))
