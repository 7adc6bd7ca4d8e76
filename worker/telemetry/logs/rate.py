"""Bounds how many lines a flood of messages writes to the log."""

from collections.abc import Callable
from time import monotonic

__all__ = ["LogRate"]


class LogRate:
    """Admits at most so many lines in each second, and counts the others."""

    def __init__(self, lines_per_second: int, clock: Callable[[], float] = monotonic) -> None:
        self._lines_per_second = lines_per_second
        self._clock = clock
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def admit(self) -> int | None:
        """How many lines were left out before this one; None if this one is left out too."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines >= self._lines_per_second:
            self._left_out += 1
            return None
        self._lines += 1
        left_out, self._left_out = self._left_out, 0
        return left_out
