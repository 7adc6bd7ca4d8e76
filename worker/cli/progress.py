"""Shows how far a long command has come: a bar on a terminal, else a line every few seconds."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

import click

from worker.cli.streams import note

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

__all__ = ["Display", "ProgressBars", "ProgressLines", "display"]

LINE_SECONDS: Final = 5


class Display(Protocol):
    """Shows the progress of one phase after the other."""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """So much of the phase is done; a `total` of 0 is not known."""

    def close(self) -> None:
        """The last phase has ended."""


def display() -> Display:
    """The display that suits standard error."""
    return ProgressBars() if sys.stderr.isatty() else ProgressLines()


class ProgressBars:
    """A bar for each phase whose total is known."""

    def __init__(self) -> None:
        self._shown = ExitStack()
        self._phase = ""
        self._bar: ProgressBar[int] | None = None

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Moves the bar of the phase; the first call for a phase ends the former one."""
        if not total:
            return
        if self._bar is None or phase != self._phase:
            self.close()
            self._phase = phase
            bar = click.progressbar(length=total, label=phase, file=sys.stderr)
            self._bar = self._shown.enter_context(bar)
        self._bar.update(done - self._bar.pos)

    def close(self) -> None:
        """Ends the last phase."""
        self._shown.close()
        self._bar = None


class ProgressLines:
    """A plain line every few seconds, for logs of scheduled jobs: a short command prints none."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._next_at = clock() + LINE_SECONDS

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Prints how far the phase is if the last line is some seconds old."""
        now = self._clock()
        if now < self._next_at:
            return
        self._next_at = now + LINE_SECONDS
        of = f" of {total:,} ({100 * done // total} %)" if total else ""
        note(f"{phase}: {done:,}{of}")

    def close(self) -> None:
        """Nothing is left to end."""
