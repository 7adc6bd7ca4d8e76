"""What commands print and read: its failures are never taken for those of a server."""

import sys
from collections.abc import Iterator

import click

from worker.runtime.streams import discard

__all__ = ["InputFailed", "OutputFailed", "echo", "note", "readable"]


class OutputFailed(Exception):
    """Standard output cannot be written; the cause is the error of the operating system."""


class InputFailed(Exception):
    """A file or standard input cannot be read; the text is a sentence."""


def echo(text: str) -> None:
    """Prints a line on standard output, also while servers are used. Raises `OutputFailed`."""
    try:
        click.echo(text)
    except OSError as error:
        raise OutputFailed(str(error)) from error


def note(text: str) -> None:
    """Prints a line on standard error if that can be written: a command does not fail for it."""
    try:
        click.echo(text, err=True)
    except OSError:
        discard(sys.stderr)


def readable(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines of a file. Raises `InputFailed`."""
    try:
        yield from lines
    except OSError as error:
        raise InputFailed(f"The records cannot be read: {error}.") from error
