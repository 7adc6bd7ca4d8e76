"""Runs the command line, and ends it with the exit code of what went wrong."""

import asyncio
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
from typing_extensions import override

from worker.cli.exits import Exit, end_without_output
from worker.cli.streams import OutputFailed, note

__all__ = ["Program"]

OF_CLICK: Final = (click.ClickException, click.exceptions.Exit, click.Abort)
"""click itself ends the program for these: wrong usage, `--help`, no confirmation."""

LIBRARIES: Final = ("aio_pika", "aiormq", "aiohttp", "asyncpg", "sqlalchemy")
"""They report a failure to their loggers as well as to us; only `run` has a log."""


class Program(click.Group):
    """The command with all its subcommands."""

    @override
    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Like click, with the exit codes of `Exit`."""
        with _exit_codes():
            return super().make_context(*arguments, **options)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Like click, with the exit codes of `Exit`."""
        for library in LIBRARIES:
            # Without a handler, logging would print its warnings beside our sentence.
            logging.getLogger(library).addHandler(logging.NullHandler())
        with _exit_codes():
            return super().invoke(ctx)


@contextmanager
def _exit_codes() -> Iterator[None]:
    try:
        yield
    except OF_CLICK:
        raise
    except KeyboardInterrupt:
        raise SystemExit(Exit.INTERRUPTED) from None
    except OutputFailed as error:
        end_without_output(error.__cause__)
    except OSError as error:
        # Errors of servers are explained where they are used. What remains is the output of click
        # itself, and of commands that print with `click.echo` after that.
        end_without_output(error)
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- a defect of any kind
        from worker.telemetry.masking import mask

        note(mask("".join(traceback.format_exception(error))))
        raise SystemExit(Exit.DEFECT) from None
