"""The command `dead-letters`: list, show, replay or discard messages that cannot be handled."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from typing_extensions import override

from worker.cli.exits import Exit, fail, run_async, settings_of_environment
from worker.cli.options import AS_JSON, JsonArray, by_and_why
from worker.cli.streams import echo, note
from worker.runtime.counting import counted
from worker.runtime.printable import printable

if TYPE_CHECKING:
    from worker.operator.dead_letters.letters import Selection
    from worker.operator.dead_letters.queued import QueuedDeadLetter
    from worker.settings import Settings

__all__ = ["dead_letters"]

SHOWN_LETTERS: Final = 50
"""How many a list shows people, unless they ask for more."""

Command = TypeVar("Command", bound=Callable[..., Any])


def _selected(command: Command) -> Command:
    """The arguments that select dead letters."""
    everything = click.option("--all", "everything", is_flag=True, help="All dead letters.")
    return click.argument("keys", metavar="[KEY]...", nargs=-1)(_by_reason(everything(command)))


class Reason(click.ParamType[str]):
    """A reason of dead letters."""

    name = "reason"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The reason, if there is such a one: none would match a misspelt one."""
        from worker.operator.dead_letters.reasons import REASONS

        if value not in REASONS:
            self.fail(f"{value!r} is not one of {', '.join(REASONS)}", param, ctx)
        return str(value)


def _by_reason(command: Command) -> Command:
    option = click.option(
        "--reason",
        "reasons",
        metavar="CODE",
        type=Reason(),
        multiple=True,
        help="Those with this reason, as NOT_JSON, or this label of the metric: `broker` stands for"
        " NOT_ROUTED and GIVEN_UP_BY_THE_BROKER. May be given more than once.",
    )
    return option(command)


@click.group("dead-letters")
def dead_letters() -> None:
    """Manage messages that cannot be handled.

    Each has a KEY, which `list` shows, and which stays the same while the message is there.
    """


@dead_letters.command("list")
@click.option(
    "--limit", type=click.IntRange(min=1), show_default=f"{SHOWN_LETTERS}; with --json, all"
)
@_by_reason
@AS_JSON
def list_letters(limit: int | None, reasons: Sequence[str], as_json: bool) -> None:
    """List the dead letters in the queue, oldest first; they stay there.

    The last line counts all of them by reason. Those that no queue has taken yet wait in the
    database: `check` counts them.
    """
    from worker.operator.dead_letters.letters import Selection, look, render_summary

    array = JsonArray()
    matching = 0
    most = limit or (math.inf if as_json else SHOWN_LETTERS)

    def print_letter(letter: "QueuedDeadLetter") -> None:
        nonlocal matching
        matching += 1
        if matching <= most:
            array.add(letter.as_dict()) if as_json else echo(render_summary(letter))

    selection = Selection(reasons=frozenset(reasons) or None)
    found = run_async(look(settings_of_environment(), selection, print_letter, tell=note))
    if as_json:
        array.end()
        return
    letters = counted(found.total(), "dead letter")
    hidden = f", {matching - most} not shown: --limit shows more" if matching > most else ""
    by_code = f" ({_by_code(found)})" if found else ""
    echo(f"{letters}{by_code}{hidden}")


@dead_letters.command()
@_selected
@AS_JSON
def show(keys: Sequence[str], reasons: Sequence[str], everything: bool, as_json: bool) -> None:
    """Show dead letters in full: reason, origin, properties and body."""
    from worker.operator.dead_letters.letters import look, render

    array = JsonArray()

    def print_letter(letter: "QueuedDeadLetter") -> None:
        array.add(letter.as_dict()) if as_json else echo(render(letter))

    selection = _selection(keys, reasons, everything=everything)
    run_async(look(settings_of_environment(), selection, print_letter, tell=note))
    if as_json:
        array.end()


@dead_letters.command()
@_selected
@click.option("--routing-key", help="Publish with this routing key instead of the original one.")
@by_and_why
def replay(
    keys: Sequence[str],
    reasons: Sequence[str],
    everything: bool,
    routing_key: str | None,
    by: str,
    why: str,
) -> None:
    """Publish dead letters again, unchanged, and remove them from the dead-letter queue.

    A dead letter is removed after the broker has confirmed it. A command that was decided before
    has no second effect. What was NOT_ROUTED needs another --routing-key, and stays without one.
    """
    from worker.operator.dead_letters.letters import replay as replay_letters
    from worker.storage.acts import Author

    selection = _selection(keys, reasons, everything=everything)
    work = replay_letters(
        settings_of_environment(), selection, Author(by, why), tell=note, routing_key=routing_key
    )
    click.echo(f"{run_async(work)} replayed")


@dead_letters.command()
@_selected
@by_and_why
@click.option("--yes", is_flag=True, help="Do not count them, and ask no question.")
def discard(
    keys: Sequence[str],
    reasons: Sequence[str],
    everything: bool,
    by: str,
    why: str,
    yes: bool,
) -> None:
    """Delete dead letters for good."""
    from worker.operator.dead_letters.letters import discard as discard_letters
    from worker.storage.acts import Author

    settings = settings_of_environment()
    selection = _selection(keys, reasons, everything=everything)
    if not yes and not _confirmed(settings, selection):
        click.echo("0 discarded")
        return
    work = discard_letters(settings, selection, Author(by, why), tell=note)
    click.echo(f"{run_async(work)} discarded")


def _confirmed(settings: "Settings", selection: "Selection") -> bool:
    """Asks whether the letters shall be deleted, with their number; False if there is none."""
    from worker.operator.dead_letters.letters import look

    codes: Counter[str] = Counter()

    def count(letter: "QueuedDeadLetter") -> None:
        codes[letter.reason[0]] += 1

    run_async(look(settings, selection, count, tell=note))
    if codes:
        letters = f"{counted(codes.total(), 'dead letter')} ({_by_code(codes)})"
        click.confirm(f"This deletes {letters} for good. Go on?", abort=True)
    return bool(codes)


def _by_code(codes: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {printable(code)}" for code, count in sorted(codes.items()))


def _selection(keys: Sequence[str], reasons: Sequence[str], *, everything: bool) -> "Selection":
    from worker.operator.dead_letters.letters import Selection

    if [bool(keys), bool(reasons), everything].count(True) != 1:
        fail(Exit.USAGE, "Name keys, as `dead-letters list` shows them, or --reason, or --all.")
    return Selection(frozenset(keys) or None, frozenset(reasons) or None)
