"""Options and output that several commands share."""

import json
from datetime import date
from textwrap import indent
from typing import Final

import click

from worker.cli.streams import echo

__all__ = ["AS_JSON", "SECONDS", "JsonArray", "to_json"]

AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


class Seconds(click.FloatRange):
    """A duration in seconds, not negative."""

    name = "seconds"


SECONDS: Final = Seconds(min=0)


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
