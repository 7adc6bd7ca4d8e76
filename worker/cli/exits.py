"""Exit codes, and one message on standard error for what went wrong."""

import asyncio
import os
from collections.abc import Coroutine, Mapping
from enum import IntEnum, unique
from typing import Final, NoReturn, TypeVar

import click

from worker.runtime.printable import printable
from worker.settings import Settings, SettingsError, load

__all__ = ["EXITS", "MEANINGS", "Exit", "fail", "run_async", "settings_of_environment"]

Result = TypeVar("Result")


@unique
class Exit(IntEnum):
    """Exit codes. 1 and 2 are click's; Ctrl-C ends with 130, as in a shell."""

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
    Exit.ABORTED: "the confirmation was not given; `--yes` gives it",
    Exit.USAGE: "wrong usage",
    Exit.REFUSED: "the command was rejected",
    Exit.TIMED_OUT: "no outcome within the time allowed",
    Exit.NOT_FOUND: "not found",
    Exit.INVALID_DATA: "the data is invalid; nothing was changed",
    Exit.MISMATCH: "an exchange or queue exists with other properties",
    Exit.UNAVAILABLE: "a server cannot be reached or used",
    Exit.SETTINGS: "a setting is unknown or wrong",
    Exit.NOT_READY: "not prepared: run `migrate` or `topology` first",
    Exit.FAILED: "the command was accepted, and its operation failed",
}

# \b keeps click from joining the lines.
EXITS: Final = "\b\nExit codes:\n" + "\n".join(
    f"  {code.value:>2}  {meaning}" for code, meaning in MEANINGS.items()
)


def fail(code: Exit, message: str) -> NoReturn:
    """Prints the message on standard error and exits with the code.

    Only line feeds in the message are ours: `explained` removes those of servers and clients.
    """
    lines = "\n".join(map(printable, message.split("\n")))
    click.echo(click.style("Error: ", fg="red", bold=True) + lines, err=True)
    raise SystemExit(code)


def settings_of_environment() -> Settings:
    """The settings; exits if one of them is wrong."""
    try:
        return load(os.environ)
    except SettingsError as error:
        fail(Exit.SETTINGS, str(error))


def run_async(work: Coroutine[None, None, Result]) -> Result:
    """Runs the work and returns its result; exits with a message for errors that a user can fix."""
    import uvloop

    from worker.cli.error_messages import explained

    try:
        return uvloop.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise SystemExit(130) from None
    except Exception as error:
        explanation = explained(error)
        if explanation is None:
            raise
        fail(*explanation)
