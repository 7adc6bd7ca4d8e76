"""Exit codes, and one message on standard error for what went wrong."""

import gc
import os
import sys
from collections.abc import Coroutine, Iterable, Mapping
from enum import IntEnum, unique
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

import click

from worker.cli.streams import note
from worker.runtime.printable import printable
from worker.runtime.streams import discard

if TYPE_CHECKING:
    from worker.settings import Settings

__all__ = [
    "EXITS",
    "MEANINGS",
    "Exit",
    "end_without_output",
    "fail",
    "run_async",
    "settings_of_environment",
    "worst",
]

Result = TypeVar("Result")


@unique
class Exit(IntEnum):
    """Exit codes. 1 and 2 are click's, 70 and 74 those of sysexits.h, the highest those of a shell.

    A shell shows 128 and the number of the signal for a program that a signal has ended.
    """

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
    DIFFERENT = 12
    ACCEPTED_BEFORE = 13
    UNSAFE = 14
    NEEDS_OPERATOR = 15
    DEFECT = 70
    INPUT_OUTPUT = 74
    HUNG_UP = 129
    INTERRUPTED = 130
    QUIT = 131
    BROKEN_PIPE = 141
    TERMINATED = 143


OF_RUN: Final = "`run` stops in order instead, with 0, and ends so only at a second signal"

MEANINGS: Final[Mapping[Exit, str]] = {
    Exit.DONE: "done",
    Exit.ABORTED: "the confirmation was not given; `--yes` gives it",
    Exit.USAGE: "wrong usage",
    Exit.REFUSED: "the command was rejected, or would be",
    Exit.TIMED_OUT: "no outcome within the time allowed",
    Exit.NOT_FOUND: "not found",
    Exit.INVALID_DATA: "the data is invalid; nothing was changed",
    Exit.MISMATCH: "an exchange or queue exists with other properties",
    Exit.UNAVAILABLE: "a server cannot be reached or used",
    Exit.SETTINGS: "a setting is unknown or wrong",
    Exit.NOT_READY: "not prepared: run `migrate` or `topology` first",
    Exit.FAILED: "the command was accepted, and its operation failed",
    Exit.DIFFERENT: "`reconcile` found differences",
    Exit.ACCEPTED_BEFORE: "the command was accepted before; `show` tells what became of it",
    Exit.UNSAFE: "a setting of a server could lose what the worker has acknowledged; see `check`",
    Exit.NEEDS_OPERATOR: "the command was accepted, and an operator must decide on its operation",
    Exit.DEFECT: "a defect in this program: please report it, with its traceback",
    Exit.INPUT_OUTPUT: "the output cannot be written, or the input cannot be read",
    Exit.HUNG_UP: f"ended by SIGHUP, as of a terminal that was closed; {OF_RUN}",
    Exit.INTERRUPTED: f"ended by SIGINT (Ctrl-C); {OF_RUN}",
    Exit.QUIT: "ended by SIGQUIT, at once",
    Exit.BROKEN_PIPE: "the reader of the output has ended",
    Exit.TERMINATED: f"ended by SIGTERM; {OF_RUN}",
}

SEVERITY: Final = (
    Exit.DONE,
    Exit.NOT_READY,
    Exit.MISMATCH,
    Exit.UNAVAILABLE,
    Exit.UNSAFE,
)
"""Codes of `check`, the worst last: a command of ours heals what is not ready, a deleted queue what
does not match, an administrator a server, and nothing what a crash has lost."""

# \b keeps click from joining the lines.
EXITS: Final = "\b\nExit codes:\n" + "\n".join(
    f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items()
)


def worst(codes: Iterable[Exit]) -> Exit:
    """The worst of these codes of `check`; DONE if there are none."""
    return max(codes, key=SEVERITY.index, default=Exit.DONE)


def fail(code: Exit, message: str) -> NoReturn:
    """Prints the message on standard error and exits with the code.

    Only line feeds in the message are ours: `explained` removes those of servers and clients.
    """
    lines = "\n".join(map(printable, message.split("\n")))
    note(click.style("Error: ", fg="red", bold=True) + lines)
    raise SystemExit(code)


def end_without_output(error: BaseException | None) -> NoReturn:
    """Exits because of this error of standard output: quietly if its reader has ended."""
    discard(sys.stdout)
    if isinstance(error, BrokenPipeError):
        raise SystemExit(Exit.BROKEN_PIPE)
    fail(Exit.INPUT_OUTPUT, f"The output cannot be written: {error}.")


def settings_of_environment(environment: Mapping[str, str] = os.environ) -> "Settings":
    """The settings; exits if one of them is wrong."""
    from worker.settings import SettingsError, load

    try:
        return load(environment)
    except SettingsError as error:
        fail(Exit.SETTINGS, str(error))


def run_async(work: Coroutine[None, None, Result]) -> Result:
    """Runs the work and returns its result; exits with a message for errors that a user can fix."""
    import uvloop

    from worker.cli.error_messages import explained

    # What is loaded lives as long as the process. The garbage collector would traverse it now and
    # again, and once more at the end: that took a quarter of the time of a short command.
    gc.freeze()
    try:
        return uvloop.run(work)
    except KeyboardInterrupt:
        raise SystemExit(Exit.INTERRUPTED) from None
    except Exception as error:
        explanation = explained(error)
        if explanation is None:
            raise
        fail(*explanation)
