"""The standard streams: closed ones, and ones that cannot be written any more."""

import contextlib
import os
import sys
from typing import Final, TextIO

__all__ = ["discard", "open_missing"]

STANDARD_DESCRIPTORS: Final = (0, 1, 2)


def open_missing() -> None:
    """Opens the null device in place of each standard stream that is closed.

    Otherwise the first sockets of the process would get these descriptors, and whatever a library
    prints would go to a server.
    """
    for descriptor in STANDARD_DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor, which is this one
    # Python sets the streams to None whose descriptors were closed when it started.
    if sys.__stdin__ is None:
        sys.stdin = os.fdopen(0, encoding="utf-8")
    if sys.__stdout__ is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    if sys.__stderr__ is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")


def discard(stream: TextIO) -> None:
    """Sends what this stream still holds, and what follows, to the null device.

    Python writes what it holds at the end of the process, and would report another failure.
    """
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
