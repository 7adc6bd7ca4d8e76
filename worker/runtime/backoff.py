"""Pauses between attempts."""

import math
import random
from collections.abc import Callable
from time import monotonic

__all__ = ["Backoff"]


class Backoff:
    """Twice as long each time, up to a longest; from the first again after a steady while.

    With jitter: a server that comes back must not meet all of its clients at one moment.
    """

    def __init__(
        self,
        first_seconds: float,
        longest_seconds: float,
        *,
        steady_seconds: float = math.inf,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._steady_seconds = steady_seconds
        self._clock = clock
        self._next_seconds = first_seconds
        self._asked_at = clock()

    def pause_seconds(self) -> float:
        """How long to wait now; at least half of what the row of failures says."""
        now = self._clock()
        if now - self._asked_at > self._steady_seconds:
            self._next_seconds = self._first_seconds
        self._asked_at = now
        seconds = self._next_seconds
        self._next_seconds = min(seconds * 2, self._longest_seconds)
        return seconds * random.uniform(0.5, 1)  # noqa: S311 -- jitter is no secret
