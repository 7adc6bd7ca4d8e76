"""SIGTERM and SIGINT, from the first moment of the process."""

import os
import signal
from types import FrameType
from typing import Final

__all__ = ["STOP_SIGNALS", "end_on_sigterm", "hold", "release"]

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def hold() -> None:
    """Holds SIGTERM and SIGINT back until `release`; the kernel keeps them.

    The first process of a container ignores a signal that it does not handle, so a signal that
    came while the program is being loaded would be lost.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def release() -> None:
    """Delivers the signals that were held back, and lets later ones through."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def end_on_sigterm() -> None:
    """Lets SIGTERM end this process at once, also if it is the first process of a container."""
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    # Without clean-up, as the kernel does: the servers roll back what is under way.
    os._exit(128 + number)
