"""The database's clock, by which all workers judge deadlines, expiry and services in force."""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

from worker.storage.connecting.errors import DatabaseUnavailable

__all__ = ["DatabaseClock"]


class DatabaseClock:
    """The time of the database, carried on by this machine's monotonic clock.

    Each new session and each poll of the membership observes the database's time again, so a batch
    needs no round trip for it. The wall clock of this machine has no part in it: it may be wrong,
    or be set while the worker runs. The time is ahead of the database's at most by what the two
    clocks drift apart between two observations, and behind it at most by the duration of an answer.
    """

    def __init__(self, elapsed_seconds: Callable[[], float] = monotonic) -> None:
        self._elapsed_seconds = elapsed_seconds
        self._observed: tuple[datetime, float] | None = None

    def observe(self, now: datetime) -> None:
        """Sets the time; call it with `clock_timestamp()` as soon as PostgreSQL has answered."""
        self._observed = now, self._elapsed_seconds()

    def now(self) -> datetime:
        """The time. Raises `DatabaseUnavailable` before the first session."""
        if self._observed is None:
            raise DatabaseUnavailable("its time is not known yet")
        observed, at = self._observed
        return observed + timedelta(seconds=self._elapsed_seconds() - at)
