"""The clock, passed as a parameter so that tests of deadlines need not wait."""

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "utc_now"]

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current time of this machine, in UTC."""
    return datetime.now(UTC)
