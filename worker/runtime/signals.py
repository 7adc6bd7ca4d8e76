"""The signals that end the process, from its first moment."""

import os
import signal
from types import FrameType
from typing import Final, NoReturn

__all__ = ["end", "end_at_once", "hold", "release", "stop_signals"]

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def stop_signals() -> tuple[signal.Signals, ...]:
    """SIGTERM, SIGINT, and SIGHUP of a terminal that closes, unless `nohup` ignores that."""
    is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return tuple(one for one in _STOP_SIGNALS if one is not signal.SIGHUP or not is_ignored)


def hold() -> None:
    """Holds the signals that stop a worker back until `release`; the kernel keeps them.

    The first process of a container ignores a signal that it does not handle, so a signal that
    came while the program is being loaded would be lost.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)


def release() -> None:
    """Delivers the signals that were held back, and lets later ones through."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)


def end_at_once() -> None:
    """Lets SIGTERM, SIGHUP and SIGQUIT end this process, also the first one of a container.

    SIGQUIT leaves no core dump: that would hold the passwords of the servers.
    """
    for number in {signal.SIGQUIT, *stop_signals()} - {signal.SIGINT}:
        signal.signal(number, _end)


def end(number: int) -> NoReturn:
    """Ends the process with the exit code of a signal, without any clean-up, as the kernel does.

    The servers roll back, or deliver again, what is under way.
    """
    os._exit(128 + number)


def _end(number: int, _frame: FrameType | None) -> None:
    end(number)
