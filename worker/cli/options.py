"""Options and output that several commands share."""

import json
from datetime import date
from typing import Final

import click

__all__ = ["AS_JSON", "SECONDS", "to_json"]

AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


class Seconds(click.FloatRange):
    """A duration in seconds, not negative."""

    name = "seconds"


SECONDS: Final = Seconds(min=0)


def to_json(value: object, *, indent: int | None = 2) -> str:
    """JSON in printable ASCII; dates and times in ISO 8601."""
    # DEL is the only control character that JSON leaves as it is.
    return json.dumps(value, default=_plain, indent=indent).replace("\x7f", "\\u007f")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
