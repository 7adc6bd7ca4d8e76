"""Options and output that several commands share."""

import json
from collections.abc import Callable
from datetime import date
from textwrap import indent
from typing import Any, Final, TypeVar

import click
from typing_extensions import override

from worker.cli.streams import echo

__all__ = ["AS_JSON", "SECONDS", "JsonArray", "Words", "by_and_why", "to_json"]

AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


class Seconds(click.FloatRange):
    """A duration in seconds, not negative."""

    name = "seconds"


SECONDS: Final = Seconds(min=0)

Command = TypeVar("Command", bound=Callable[..., Any])


class Words(click.ParamType[str]):
    """A text that is not empty."""

    name = "text"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text without white space around it."""
        words = str(value).strip()
        if not words:
            self.fail("write something", param, ctx)
        return words


def by_and_why(command: Command) -> Command:
    """The options `--by` and `--why` of a command that records what an operator decides."""
    why = click.option("--why", required=True, type=Words(), help="The reason; `acts` shows it.")
    by = click.option("--by", required=True, type=Words(), help="Who decides; `acts` shows it.")
    return by(why(command))


def to_json(value: object, *, indent: int | None = 2) -> str:
    """JSON in printable ASCII; dates and times in ISO 8601."""
    # DEL is the only control character that JSON leaves as it is.
    return json.dumps(value, default=_plain, indent=indent).replace("\x7f", "\\u007f")


class JsonArray:
    """Prints a JSON array item by item: a long one is never in memory as a whole."""

    def __init__(self) -> None:
        self._last: str | None = None

    def add(self, item: object) -> None:
        """Adds an item; it is printed when it is known whether another follows."""
        echo("[" if self._last is None else f"{self._last},")
        self._last = indent(to_json(item), "  ")

    def end(self) -> None:
        """Prints the rest."""
        echo("[]" if self._last is None else f"{self._last}\n]")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
