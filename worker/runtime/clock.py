"""The clock, passed as a parameter so that tests of deadlines need not wait."""

from collections.abc import Callable
from datetime import datetime

__all__ = ["Clock"]

Clock = Callable[[], datetime]
"""Returns the current time: `DatabaseClock.now` of the storage, or a clock that a test sets."""
