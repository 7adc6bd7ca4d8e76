"""The commands `send`, `show`, `pending`, `resolve` and `republish`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from worker.cli.exits import Exit, fail, run_async, settings_of_environment
from worker.cli.options import AS_JSON, SECONDS, by_and_why, to_json
from worker.cli.streams import echo, note
from worker.runtime.counting import counted
from worker.runtime.printable import printable

if TYPE_CHECKING:
    from worker.settings import Settings

__all__ = ["pending", "republish", "resolve", "send", "show"]

COLOURS: Final = {
    "PENDING": "yellow",
    "ACTIVE": "green",
    "RESERVED": "green",
    "REFUSED": "red",
    "DELAYED": "yellow",
    "WAITING": "yellow",
    "AFTERMATH": "yellow",
    "FAILED": "red",
    "PREVIEW": "cyan",
}


@click.command()
@click.argument("operation", type=click.Choice(["activate", "deactivate"]))
@click.argument("number")
@click.option("--account", required=True, help="Account that holds the number.")
@click.option("--site", required=True, help="Site of the number.")
@click.option("--requested-by", help="Who requests it; shown in the number's history.")
@click.option("--id", "identifier", help="Id of the command; a new one by default.")
@click.option("--expires-in", type=SECONDS, help="Reject the command if read later.")
@click.option(
    "--preview", is_flag=True, help="Change nothing: print what the command would lead to."
)
@click.option("--bulk", is_flag=True, help="Let commands for which people wait go first.")
@click.option("--wait", is_flag=True, help="Wait for the outcome, and exit with its code.")
@click.option("--timeout", type=SECONDS, default=30, show_default=True, help="How long to wait.")
@AS_JSON
def send(
    as_json: bool, wait: bool, timeout: float, preview: bool, **fields: str | float | None
) -> None:
    """Send a command as the web tier would.

    With --wait, the exit code is 0 if the number is ACTIVE or RESERVED, 3 if the command was
    rejected, 11 if its operation failed, 15 if an operator must decide on it, and 4 if there was no
    outcome in time. A repeat (--id of an earlier command, with the same content) prints the first
    answer once more. If that was a rejection, the exit code is 3 again. If the command was
    accepted, it is 13, and `show` tells what became of it.

    With --preview, the command waits for the answer: the exit code is 0 if the command would be
    accepted, 3 if it would be rejected, and 4 if there was no answer in time.
    """
    from worker.operator.send import send_command
    from worker.operator.sent_events import render

    def print_event(event: Mapping[str, Any]) -> None:
        echo(to_json(event, indent=None) if as_json else _coloured(render(event)))

    settings = settings_of_environment()
    result = run_async(
        send_command(
            settings,
            {**fields, "preview": preview},
            wait_seconds=timeout if wait or preview else None,
            on_event=print_event,
        )
    )
    number = printable(str(fields["number"]))
    see = f"See `activation-worker show {number}`."
    if result.name == Exit.TIMED_OUT.name and preview:
        _note_silence(settings, f"No answer within {timeout:g} s", "", "Nothing was changed.")
    elif result.name == Exit.TIMED_OUT.name:
        may_be = "the number may still be PENDING, or "
        _note_silence(settings, f"No outcome within {timeout:g} s", may_be, see)
    if result.name == Exit.NEEDS_OPERATOR.name:
        note(
            "The operation waits for an operator's decision: run `activation-worker resolve"
            f" {number}`. {see}"
        )
    if result.name == Exit.ACCEPTED_BEFORE.name:
        note(
            "The command was accepted before, with this answer. What followed is not published"
            f" again. {see}"
        )
    raise SystemExit(Exit[result.name])


def _note_silence(settings: "Settings", silence: str, may_be: str, then: str) -> None:
    """Says why nothing may have come: a paused intake is certain, the rest is a guess."""
    from worker.explaining.pause import intake_is_paused
    from worker.operator.intake import find_pause

    if pause := run_async(find_pause(settings)):
        note(f"{silence}. {intake_is_paused(pause)} {then}")
    else:
        note(f"{silence}: {may_be}no worker may be running. {then}")


def _coloured(line: str) -> str:
    word, space, rest = line.partition(" ")
    return click.style(word, fg=COLOURS.get(word), bold=True) + space + rest


@click.command()
@click.argument("number")
@AS_JSON
def show(number: str, as_json: bool) -> None:
    """Show the state and the history of a NUMBER."""
    from worker.operator.show import render_missing, render_number, show_missing, show_number

    settings = settings_of_environment()
    shown = run_async(show_number(settings, number))
    if shown is None:
        missing = run_async(show_missing(settings, number))
        if as_json:
            click.echo(to_json(missing))
        fail(
            Exit.NOT_FOUND,
            render_missing({**missing, "waiting_records": []} if as_json else missing),
        )
    click.echo(to_json(shown) if as_json else render_number(shown))


@click.command()
@AS_JSON
def pending(as_json: bool) -> None:
    """List the operations under way, and what ended ones left to do.

    The oldest comes first; each shows what it waits for and what happens next.
    """
    from worker.explaining.pause import intake_is_paused
    from worker.operator.show import render_operation, show_pending
    from worker.storage.intake import Pause

    operations, pause = run_async(show_pending(settings_of_environment()))
    if as_json:
        click.echo(to_json(operations))
        return
    if pause:
        note(intake_is_paused(Pause(**pause)))
    for operation in operations:
        click.echo(render_operation(operation))
    outstanding = sum(operation["aftermath"] is not None for operation in operations)
    click.echo(
        f"{len(operations) - outstanding} under way, {outstanding} outstanding after the end"
    )


@click.command()
@click.argument("number")
@click.option(
    "--as",
    "resolution",
    required=True,
    type=click.Choice(["done", "retry", "give-up"]),
    help="done: its open steps were done by hand. retry: request them again. give-up: stop"
    " waiting; an activation returns to RESERVED, a deactivation ends in RESERVED as failed.",
)
@by_and_why
def resolve(number: str, resolution: str, by: str, why: str) -> None:
    """Decide on an operation that needs an operator, or on what an ended one left to do.

    A running worker then advances the operation of the NUMBER.
    """
    from worker.core.operations.results import Resolution
    from worker.operator.resolve import resolve_number
    from worker.storage.acts import Author

    decision = Resolution(resolution)
    run_async(resolve_number(settings_of_environment(), number, decision, Author(by, why)))
    click.echo(f"Stored. A running worker proceeds: see `activation-worker show {number}`.")


@click.command()
@click.option("--number", help="This number alone.")
@click.option("--account", help="The numbers of this account; needs --site.")
@click.option("--site", help="The numbers at this site.")
@click.option("--all", "every", is_flag=True, help="All numbers.")
@AS_JSON
def republish(every: bool, as_json: bool, **options: str | None) -> None:
    """Publish the state of numbers on telephony.events again.

    For a subscriber that comes late or has lost its queue: bind the queue first. Choose --number,
    or --account with --site, or --site, or --all.
    """
    from worker.operator.republish import republish as republish_numbers

    names = {name for name, value in options.items() if value is not None}
    if names not in ([set()] if every else [{"number"}, {"account", "site"}, {"site"}]):
        fail(Exit.USAGE, "Choose one: --number N, --account A --site S, --site S, or --all.")
    done = run_async(republish_numbers(settings_of_environment(), options))
    if as_json:
        click.echo(to_json(done._asdict()))
        return
    click.echo(f"{counted(done.numbers, 'number')} published, in {counted(done.pages, 'page')}")
    if not done.had_subscribers:
        note("No queue is bound to telephony.events for phone_number.snapshot: no one got them.")
