"""The command `dead-letters`: list, show, replay or discard messages that cannot be handled."""

from collections.abc import Sequence

import click

from worker.cli.exits import Exit, fail, run_async, settings_of_environment
from worker.cli.options import AS_JSON, to_json

__all__ = ["dead_letters"]


@click.group("dead-letters")
def dead_letters() -> None:
    """Manage messages that cannot be handled.

    Each has a KEY, which `list` shows, and which stays the same while the message is there.
    """


@dead_letters.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@AS_JSON
def list_letters(limit: int, as_json: bool) -> None:
    """List the dead letters in the queue, oldest first; they stay there.

    Those that no queue has taken yet wait in the database: `check` counts them.
    """
    from worker.operator.dead_letters.letters import list_all, render_summary

    letters = run_async(list_all(settings_of_environment()))
    if as_json:
        click.echo(to_json([letter.as_dict() for letter in letters[:limit]]))
        return
    for letter in letters[:limit]:
        click.echo(render_summary(letter))
    hidden = len(letters) - limit
    click.echo(f"{len(letters)} dead letters" + (f", {hidden} not shown" if hidden > 0 else ""))


@dead_letters.command()
@click.argument("key")
@AS_JSON
def show(key: str, as_json: bool) -> None:
    """Show a dead letter in full: reason, origin, properties and body."""
    from worker.operator.dead_letters.letters import find, render

    letter = run_async(find(settings_of_environment(), key))
    click.echo(to_json(letter.as_dict()) if as_json else render(letter))


@dead_letters.command()
@click.argument("keys", metavar="KEY...", nargs=-1)
@click.option("--all", "all_letters", is_flag=True, help="All dead letters.")
@click.option("--routing-key", help="Publish with this routing key instead of the original one.")
def replay(keys: Sequence[str], all_letters: bool, routing_key: str | None) -> None:
    """Publish dead letters again, unchanged, and remove them from the dead-letter queue.

    A dead letter is removed after the broker has confirmed it. A command that was decided before
    has no second effect. What was NOT_ROUTED needs another --routing-key, or it returns.
    """
    from worker.operator.dead_letters.letters import replay as replay_letters

    wanted = _chosen(keys, all_letters=all_letters)
    replayed = run_async(replay_letters(settings_of_environment(), wanted, routing_key))
    click.echo(f"{replayed} replayed")


@dead_letters.command()
@click.argument("keys", metavar="KEY...", nargs=-1)
@click.option("--all", "all_letters", is_flag=True, help="All dead letters.")
@click.confirmation_option(prompt="This deletes them for good. Discard them?")
def discard(keys: Sequence[str], all_letters: bool) -> None:
    """Delete dead letters for good."""
    from worker.operator.dead_letters.letters import discard as discard_letters

    wanted = _chosen(keys, all_letters=all_letters)
    click.echo(f"{run_async(discard_letters(settings_of_environment(), wanted))} discarded")


def _chosen(keys: Sequence[str], *, all_letters: bool) -> frozenset[str] | None:
    """The keys; None for `--all`."""
    if bool(keys) == all_letters:
        fail(Exit.USAGE, "Name keys, as `dead-letters list` shows them, or --all.")
    return None if all_letters else frozenset(keys)
