"""The commands `pause`, `resume`, `acts` and `retention`."""

from collections.abc import Mapping
from typing import Any

import click

from worker.cli.exits import Exit, fail, run_async, settings_of_environment
from worker.cli.options import AS_JSON, JsonArray, Words, by_and_why, to_json
from worker.cli.streams import echo
from worker.runtime.counting import counted
from worker.runtime.history import HISTORY_DAYS_MAXIMUM, HISTORY_DAYS_MINIMUM

__all__ = ["acts", "pause", "resume", "retention"]


@click.command()
@by_and_why
def pause(by: str, why: str) -> None:
    """Pause the intake: all workers stop taking commands, until `resume`.

    Commands wait in their queues. What was accepted goes on, and PBX results, reports and directory
    messages are read. The pause is stored: a worker that starts meanwhile takes no commands either.
    """
    from worker.explaining.pause import describe_pause
    from worker.operator.intake import pause as pause_intake
    from worker.storage.acts import Author

    earlier = run_async(pause_intake(settings_of_environment(), Author(by, why)))
    if earlier is None:
        click.echo("Paused: within seconds no worker takes commands, until `resume`.")
        return
    click.echo(f"Nothing changed: {describe_pause(earlier)}")


@click.command()
@by_and_why
def resume(by: str, why: str) -> None:
    """End a pause of the intake: workers take commands again."""
    from worker.explaining.pause import describe_pause
    from worker.operator.intake import resume as resume_intake
    from worker.storage.acts import Author

    ended = run_async(resume_intake(settings_of_environment(), Author(by, why)))
    if ended is None:
        click.echo("Nothing changed: the intake is not paused.")
        return
    click.echo(f"Resumed. It was {describe_pause(ended)}")


@click.command()
@AS_JSON
def acts(as_json: bool) -> None:
    """List what operators did: when, who and why. The newest comes last.

    An act stays as long as the rest of the history.
    """
    from worker.operator.acts import list_acts, render

    array = JsonArray()

    def print_row(row: Mapping[str, Any]) -> None:
        if as_json:
            array.add(row)
        else:
            echo(render(row))

    listed = run_async(list_acts(settings_of_environment(), print_row))
    if as_json:
        array.end()
        return
    echo(counted(listed, "act"))


@click.command()
@click.option(
    "--days",
    type=click.IntRange(HISTORY_DAYS_MINIMUM, HISTORY_DAYS_MAXIMUM),
    help="The history to keep; --now needs it. Without it WORKER_HISTORY_DAYS, of your shell.",
)
@click.option("--now", is_flag=True, help="Delete it now; needs --days, --by and --why.")
@click.option("--by", type=Words(), help="Who decides; `acts` shows it.")
@click.option("--why", type=Words(), help="The reason; `acts` shows it.")
@AS_JSON
def retention(days: int | None, now: bool, by: str | None, why: str | None, as_json: bool) -> None:
    """Show how much history is older than a number of days, or delete it.

    A worker deletes by itself, every ten minutes, what is older than its WORKER_HISTORY_DAYS. --now
    deletes in small transactions, so that a worker may run meanwhile.
    """
    from worker.core.messages.explanations import clock_time
    from worker.operator.retention import delete_history, render, show_history
    from worker.storage.acts import Author

    settings = settings_of_environment()
    if not now:
        if by or why:
            fail(Exit.USAGE, "--by and --why belong to --now.")
        history = run_async(show_history(settings, days or settings.history_days))
    elif days and by and why:
        history = run_async(delete_history(settings, days, Author(by, why)))
    else:
        # The shell of an operator may have another WORKER_HISTORY_DAYS than the workers.
        fail(Exit.USAGE, "--now needs --days, --by and --why.")
    if as_json:
        click.echo(to_json(history._asdict()))
        return
    click.echo(render(history))
    done = "deleted" if now else "to delete"
    rows = counted(sum(history.rows.values()), "row")
    click.echo(f"{rows} {done}, from before {clock_time(history.before)}")
