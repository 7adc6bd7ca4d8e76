"""Numbers: asking for a change, and seeing why one is as it is."""

import json
from collections.abc import Mapping
from typing import Any, Final

import click

from worker.cli.exits import Exit, fail, run_async, settings_of_environment
from worker.cli.options import AS_JSON, SECONDS, to_json

__all__ = ["pending", "send", "show"]

COLOURS: Final = {"PENDING": "yellow", "ACTIVE": "green", "RESERVED": "green", "REFUSED": "red"}


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

    With --wait: 0 when the number is ACTIVE or RESERVED, 3 when the command was refused, 4 when
    neither was heard in time. A repeat of a command that was decided before is answered by nobody.
    """
    from worker.shell.sending import in_words, send_command

    def tell(event: Mapping[str, Any]) -> None:
        click.echo(json.dumps(event) if as_json else _coloured(in_words(event)))

    settings = settings_of_environment()
    sent = run_async(
        send_command(settings, fields, wait_seconds=timeout if wait else None, tell=tell)
    )
    if sent.name == Exit.TIMED_OUT.name:
        click.echo(
            f"No outcome within {timeout:g} s. Is a worker running? Look with"
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
    from worker.shell.showing import in_words, show_number

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
    from worker.shell.showing import operation_in_words, show_pending

    operations = run_async(show_pending(settings_of_environment()))
    if as_json:
        click.echo(to_json(operations))
        return
    for operation in operations:
        click.echo(operation_in_words(operation))
    click.echo(f"{len(operations)} under way")
