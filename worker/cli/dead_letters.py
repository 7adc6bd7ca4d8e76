"""Messages that could not be handled: looking at them, and deciding what becomes of them."""

from collections.abc import Sequence

import click

from worker.cli.exits import Exit, fail, run_async, settings_of_environment
from worker.cli.options import AS_JSON, to_json

__all__ = ["dead_letters"]


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at messages that could not be handled, and clear them up.

    Each has a KEY, shown by `list`, that stays the same as long as it is there.
    """


@dead_letters.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@AS_JSON
def list_letters(limit: int, as_json: bool) -> None:
    """List them, oldest first; they stay where they are."""
    from worker.operator.dead_letters import in_short, look

    letters = run_async(look(settings_of_environment()))
    if as_json:
        click.echo(to_json([letter.described() for letter in letters[:limit]]))
        return
    for letter in letters[:limit]:
        click.echo(in_short(letter))
    hidden = len(letters) - limit
    click.echo(f"{len(letters)} dead letters" + (f", {hidden} not shown" if hidden > 0 else ""))


@dead_letters.command()
@click.argument("key")
@AS_JSON
def show(key: str, as_json: bool) -> None:
    """Show one in full: reason, origin, properties and body."""
    from worker.operator.dead_letters import find, in_full

    letter = run_async(find(settings_of_environment(), key))
    click.echo(to_json(letter.described()) if as_json else in_full(letter))


@dead_letters.command()
@click.argument("keys", metavar="KEY...", nargs=-1)
@click.option("--all", "all_letters", is_flag=True, help="All that are there now.")
@click.option("--routing-key", help="Another routing key than the original one.")
def replay(keys: Sequence[str], all_letters: bool, routing_key: str | None) -> None:
    """Send them to where they were sent first, unchanged, and take them out of here.

    Each is taken out only when the broker has confirmed it. A command that was decided before has
    no second effect.
    """
    from worker.operator.dead_letters import replay as replay_letters

    wanted = _chosen(keys, all_letters=all_letters)
    done = run_async(replay_letters(settings_of_environment(), wanted, routing_key))
    click.echo(f"{done} sent again")


@dead_letters.command()
@click.argument("keys", metavar="KEY...", nargs=-1)
@click.option("--all", "all_letters", is_flag=True, help="All that are there now.")
@click.confirmation_option(prompt="They are gone for good then. Discard them?")
def discard(keys: Sequence[str], all_letters: bool) -> None:
    """Throw them away for good."""
    from worker.operator.dead_letters import discard as discard_letters

    wanted = _chosen(keys, all_letters=all_letters)
    click.echo(f"{run_async(discard_letters(settings_of_environment(), wanted))} discarded")


def _chosen(keys: Sequence[str], *, all_letters: bool) -> frozenset[str] | None:
    """The keys; None for all."""
    if bool(keys) == all_letters:
        fail(Exit.USAGE, "name the keys (`dead-letters list` shows them), or say --all.")
    return None if all_letters else frozenset(keys)
