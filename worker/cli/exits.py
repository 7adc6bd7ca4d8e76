"""How a command ends: named exit codes, and one clear paragraph for what went wrong."""

import asyncio
import os
from collections.abc import Coroutine, Mapping
from enum import IntEnum, unique
from typing import Final, NoReturn, TypeVar

import click

from worker.settings import Settings, SettingsError, load

__all__ = ["EXITS", "MEANINGS", "Exit", "fail", "run_async", "settings_of_environment"]

Result = TypeVar("Result")


@unique
class Exit(IntEnum):
    """Exit codes. 1 and 2 are click's own; Ctrl-C ends with 130, as in any shell."""

    DONE = 0
    ABORTED = 1
    USAGE = 2
    REFUSED = 3
    TIMED_OUT = 4
    NOT_FOUND = 5
    INVALID_DATA = 6
    MISMATCH = 7
    UNAVAILABLE = 8
    SETTINGS = 9
    NOT_READY = 10
    FAILED = 11


MEANINGS: Final[Mapping[Exit, str]] = {
    Exit.DONE: "done",
    Exit.ABORTED: "a question was not answered with yes; `--yes` answers it",
    Exit.USAGE: "wrong usage",
    Exit.REFUSED: "the command was refused",
    Exit.TIMED_OUT: "no outcome in the time allowed",
    Exit.NOT_FOUND: "not found",
    Exit.INVALID_DATA: "the data are not valid; nothing was changed",
    Exit.MISMATCH: "the broker holds something else under one of our names",
    Exit.UNAVAILABLE: "a server cannot be reached or used",
    Exit.SETTINGS: "a setting is missing, unknown or wrong",
    Exit.NOT_READY: "not prepared: run `migrate` or `topology` first",
    Exit.FAILED: "the command was accepted, and ended without success",
}

# The mark keeps click from joining the lines.
EXITS: Final = "\b\nExit codes:\n" + "\n".join(
    f"  {code.value:>2}  {meaning}" for code, meaning in MEANINGS.items()
)


def fail(code: Exit, message: str) -> NoReturn:
    """Says what went wrong, on standard error, and ends the program with the code."""
    click.echo(click.style("Error: ", fg="red", bold=True) + message, err=True)
    raise SystemExit(code)


def settings_of_environment() -> Settings:
    """The settings; ends the program where one of them is wrong."""
    try:
        return load(os.environ)
    except SettingsError as error:
        fail(Exit.SETTINGS, str(error))


def run_async(work: Coroutine[None, None, Result]) -> Result:
    """The result of the work; what it raises and a person can mend becomes a paragraph."""
    import uvloop

    from worker.cli.error_messages import explained

    try:
        return uvloop.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise SystemExit(130) from None
    except Exception as error:
        known = explained(error)
        if known is None:
            raise
        fail(*known)
