"""How many lanes there are, and changing that."""

import click

from worker.cli.exits import run_async, settings_of_environment
from worker.cli.options import AS_JSON, SECONDS, to_json
from worker.core.lanes import LANES_MAXIMUM

__all__ = ["lanes"]


@click.command()
@click.argument("number", metavar="[NUMBER]", type=click.IntRange(1, LANES_MAXIMUM), required=False)
@click.option(
    "--wait", "wait_seconds", type=SECONDS, default=60, show_default=True, help="How long at most."
)
@AS_JSON
def lanes(number: int | None, wait_seconds: float, as_json: bool) -> None:
    """Show how many lanes there are and who serves them, or change it to NUMBER.

    Workers may run meanwhile, and commands be on their way: they wait until it is done. After an
    interruption the same command goes on where it stopped. To have fewer than several lanes, a
    worker must run: it has to finish what lies in their queues.
    """
    from worker.operator.lane_changing import change_number_of_lanes
    from worker.operator.lane_showing import in_words, look

    settings = settings_of_environment()
    if number is not None:
        work = change_number_of_lanes(
            settings,
            number,
            wait_seconds=wait_seconds,
            tell=lambda said: click.echo(said, err=True),
        )
        run_async(work)
    shown = run_async(look(settings))
    click.echo(to_json(shown) if as_json else in_words(shown))
