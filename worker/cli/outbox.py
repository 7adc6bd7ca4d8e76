"""Messages that the broker did not take: looking at them, and deciding what becomes of them."""

from collections.abc import Sequence
from typing import Final

import click

from worker.cli.exits import Exit, fail, run_async, settings_of_environment
from worker.cli.options import AS_JSON, to_json

__all__ = ["outbox"]


POSITION: Final = click.IntRange(1, 2**63 - 1)
"""What the database counts with."""


@click.group()
def outbox() -> None:
    """Look at messages that the broker did not take, and decide what becomes of them.

    They wait in order: until one is sent or discarded, its number's later ones wait behind it.
    Most are tried again by themselves; a PARKED one can never be sent as it is.
    """


@outbox.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@AS_JSON
def list_messages(limit: int, as_json: bool) -> None:
    """List them, oldest first, each with its POSITION and the broker's reason."""
    from worker.operator.undelivered import in_words, look

    rows = run_async(look(settings_of_environment(), limit))
    if as_json:
        click.echo(to_json(rows))
        return
    for row in rows:
        click.echo(in_words(row))
    click.echo(f"{len(rows)} not taken" + (" or more" if len(rows) == limit else ""))


@outbox.command()
@click.argument("positions", metavar="POSITION...", type=POSITION, nargs=-1)
@click.option("--all", "all_messages", is_flag=True, help="All that were not taken.")
def retry(positions: Sequence[int], all_messages: bool) -> None:
    """Try them again at once: the reason has been mended."""
    from worker.operator.undelivered import retry as retry_messages

    if bool(positions) == all_messages:
        fail(Exit.USAGE, "Name positions, as `outbox list` shows them, or --all.")
    chosen = None if all_messages else {*positions}
    click.echo(f"{run_async(retry_messages(settings_of_environment(), chosen))} tried again")


@outbox.command()
@click.argument("positions", metavar="POSITION...", type=POSITION, nargs=-1, required=True)
@click.option("--by", "discarded_by", required=True, help="Who decides; it is kept.")
@click.option("--why", "reason", required=True, help="The reason; it is kept.")
def discard(positions: Sequence[int], discarded_by: str, reason: str) -> None:
    """Do without parked ones; they are kept in the table discarded_messages."""
    from worker.operator.undelivered import discard as discard_messages

    work = discard_messages(
        settings_of_environment(), {*positions}, discarded_by=discarded_by, reason=reason
    )
    click.echo(f"{run_async(work)} discarded")
