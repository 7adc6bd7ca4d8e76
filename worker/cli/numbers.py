"""Numbers: asking for a change, and seeing why one is as it is."""

import json
from collections.abc import Mapping
from typing import Any, Final

import click

from worker.cli.exits import Exit, fail, run_async, settings_of_environment
from worker.cli.options import AS_JSON, SECONDS, to_json

__all__ = ["pending", "resolve", "send", "show"]

COLOURS: Final = {
    "PENDING": "yellow",
    "ACTIVE": "green",
    "RESERVED": "green",
    "REFUSED": "red",
    "DELAYED": "yellow",
    "FAILED": "red",
}


@click.command()
@click.argument("operation", type=click.Choice(["activate", "deactivate"]))
@click.argument("number")
@click.option("--account", required=True, help="The account that holds the number.")
@click.option("--site", required=True, help="The site at which the number stands.")
@click.option("--requested-by", help="Who asks; it stands in the number's history.")
@click.option("--id", "identifier", help="The command's id; a new one by default.")
@click.option("--expires-in", type=SECONDS, help="Refuse it if it is read later than this.")
@click.option("--wait", is_flag=True, help="Wait for the outcome and end with its code.")
@click.option("--timeout", type=SECONDS, default=30, show_default=True, help="How long to wait.")
@AS_JSON
def send(as_json: bool, wait: bool, timeout: float, **fields: str | float | None) -> None:
    """Send a command as the web tier would.

    With --wait: 0 when the number is ACTIVE or RESERVED, 3 when the command was refused, 11 when
    its operation failed, 4 when nothing of that was heard in time. A repeat of a command that was
    decided before is answered by nobody.
    """
    from worker.operator.send import in_words, send_command

    def tell(event: Mapping[str, Any]) -> None:
        click.echo(json.dumps(event) if as_json else _coloured(in_words(event)))

    settings = settings_of_environment()
    sent = run_async(
        send_command(settings, fields, wait_seconds=timeout if wait else None, tell=tell)
    )
    if sent.name == Exit.TIMED_OUT.name:
        click.echo(
            f"No outcome within {timeout:g} s. It may be PENDING still, or no worker is running;"
            " and a repeat of a command that was decided is not answered. Look with"
            f" `activation-worker show {fields['number']}`.",
            err=True,
        )
    raise SystemExit(Exit[sent.name])


def _coloured(line: str) -> str:
    word, space, rest = line.partition(" ")
    return click.style(word, fg=COLOURS.get(word), bold=True) + space + rest


@click.command()
@click.argument("number")
@AS_JSON
def show(number: str, as_json: bool) -> None:
    """Show a NUMBER: its state, why it is so, and its history."""
    from worker.operator.show import in_words, show_number

    shown = run_async(show_number(settings_of_environment(), number))
    if shown is None:
        fail(
            Exit.NOT_FOUND, f"{number} is not provisioned. Numbers are written like +442079460000."
        )
    click.echo(to_json(shown) if as_json else in_words(shown))


@click.command()
@AS_JSON
def pending(as_json: bool) -> None:
    """List the operations under way, oldest first, and what holds each up."""
    from worker.operator.show import operation_in_words, show_pending

    operations = run_async(show_pending(settings_of_environment()))
    if as_json:
        click.echo(to_json(operations))
        return
    for operation in operations:
        click.echo(operation_in_words(operation))
    click.echo(f"{len(operations)} under way")


@click.command()
@click.argument("number")
@click.option(
    "--as",
    "resolution",
    required=True,
    type=click.Choice(["done", "retry", "give-up"]),
    help="done: its open steps were done by hand. retry: ask for them once more. give-up: wait no"
    " more; an activation goes back to RESERVED, a deactivation ends in RESERVED as failed.",
)
@click.option("--by", "decided_by", required=True, help="Who decides; it is kept.")
@click.option("--why", "reason", required=True, help="The reason; it is kept.")
def resolve(number: str, resolution: str, decided_by: str, reason: str) -> None:
    """Decide on the operation of a NUMBER that cannot go on by itself."""
    from worker.core.results import Resolution
    from worker.operator.resolve import resolve_number

    decision = Resolution(resolution)
    settings = settings_of_environment()
    run_async(resolve_number(settings, number, decision, decided_by=decided_by, reason=reason))
    click.echo(f"Noted. A running worker goes on with it: `activation-worker show {number}`.")
