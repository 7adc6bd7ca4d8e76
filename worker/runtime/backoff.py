"""Exponential backoff with jitter."""

import math
import random
from collections.abc import Callable
from time import monotonic

__all__ = ["Backoff"]


class Backoff:
    """Pauses between attempts: each twice as long as the one before, up to a maximum.

    After `steady_seconds` without a pause it starts again with the first. Jitter keeps the
    clients of a recovering server from reconnecting at the same moment.
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
        self._last_pause_at = clock()

    def pause_seconds(self) -> float:
        """How long to wait before the next attempt: between half and all of the current pause."""
        now = self._clock()
        if now - self._last_pause_at > self._steady_seconds:
            self._next_seconds = self._first_seconds
        self._last_pause_at = now
        seconds = self._next_seconds
        self._next_seconds = min(seconds * 2, self._longest_seconds)
        return seconds * random.uniform(0.5, 1)  # noqa: S311 -- jitter needs no secure randomness
