"""The command `outbox`: list, retry or discard messages that the broker did not accept."""

from collections.abc import Sequence
from typing import Final

import click

from worker.cli.exits import Exit, fail, run_async, settings_of_environment
from worker.cli.options import AS_JSON, by_and_why, to_json

__all__ = ["outbox"]

POSITION: Final = click.IntRange(1, 2**63 - 1)
"""The range of a bigint."""


@click.group()
def outbox() -> None:
    """Manage messages that the broker did not accept.

    Messages of one number or account are published in order: those behind an undelivered one wait
    for it. The worker retries by itself, except for PARKED messages, which cannot be encoded.
    """


@outbox.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@AS_JSON
def list_messages(limit: int, as_json: bool) -> None:
    """List undelivered messages, oldest first, each with its POSITION and the reason."""
    from worker.operator.undelivered import list_undelivered, render

    rows = run_async(list_undelivered(settings_of_environment(), limit))
    if as_json:
        click.echo(to_json(rows))
        return
    for row in rows:
        click.echo(render(row))
    click.echo(f"{len(rows)} undelivered" + (" or more" if len(rows) == limit else ""))


@outbox.command()
@click.argument("positions", metavar="[POSITION]...", type=POSITION, nargs=-1)
@click.option("--all", "all_messages", is_flag=True, help="All undelivered messages.")
@by_and_why
def retry(positions: Sequence[int], all_messages: bool, by: str, why: str) -> None:
    """Retry messages now, after you have fixed the reason."""
    from worker.operator.undelivered import retry as retry_messages
    from worker.storage.acts import Author

    if bool(positions) == all_messages:
        fail(Exit.USAGE, "Name positions, as `outbox list` shows them, or --all.")
    chosen = None if all_messages else {*positions}
    retried = run_async(retry_messages(settings_of_environment(), chosen, Author(by, why)))
    click.echo(f"{retried} due for another attempt")


@outbox.command()
@click.argument("positions", metavar="POSITION...", type=POSITION, nargs=-1, required=True)
@by_and_why
def discard(positions: Sequence[int], by: str, why: str) -> None:
    """Discard PARKED messages; they are moved to the table discarded_messages."""
    from worker.operator.undelivered import discard as discard_messages
    from worker.storage.acts import Author

    author = Author(by, why)
    discarded = run_async(discard_messages(settings_of_environment(), {*positions}, author))
    click.echo(f"{discarded} discarded")
