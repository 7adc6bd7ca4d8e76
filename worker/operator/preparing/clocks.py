"""Compares the clock of the database with the one of this host."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from worker.storage.connecting.session import Session

__all__ = ["SKEW_ALLOWED", "find_skew"]

SKEW_ALLOWED: Final = timedelta(seconds=5)
"""Far above what NTP leaves, and far below the shortest deadline that makes sense."""
SAMPLES: Final = 3


def _now() -> datetime:
    return datetime.now(UTC)


async def find_skew(session: Session, now: Callable[[], datetime] = _now) -> str | None:
    """A sentence about clocks that differ; None if they agree as well as can be told from here."""
    samples = [await _sample(session, now) for _ in range(SAMPLES)]
    # The quickest answer knows best.
    uncertainty, ahead = min(samples)
    if abs(ahead) - uncertainty <= SKEW_ALLOWED:
        return None
    direction = "ahead of" if ahead > timedelta(0) else "behind"
    return (
        f"The clock of PostgreSQL is {abs(ahead).total_seconds():.0f} seconds {direction} this"
        " host's. PostgreSQL's decides deadlines and expiry: if it is wrong, commands expire early"
        " or late. Synchronise both by NTP (chronyc tracking)."
    )


async def _sample(session: Session, now: Callable[[], datetime]) -> tuple[timedelta, timedelta]:
    before = now()
    there: datetime = await session.driver.fetchval("SELECT clock_timestamp()")
    after = now()
    half = (after - before) / 2
    return half, there - (before + half)
