"""A message that kills the worker: found among innocents, and put away before it kills for ever."""

from collections.abc import Sequence
from itertools import accumulate, takewhile
from typing import Final

__all__ = ["GIVEN_UP_AFTER_ATTEMPTS", "is_given_up", "together"]

GIVEN_UP_AFTER_ATTEMPTS: Final = 6
"""The batches of a message that was never finished: 200, 25, 3, and then alone, three times."""
DIVISOR: Final = 8


def is_given_up(attempts: int) -> bool:
    """Whether a message has ended so many attempts that it is not tried again."""
    return attempts >= GIVEN_UP_AFTER_ATTEMPTS


def together(attempts: Sequence[int], batch_maximum_messages: int) -> int:
    """How many of these messages may be handled in one batch, counted from the first; at least 1.

    `attempts` says of each how often handling it was begun and never finished. Every worker that
    dies, dies with innocents in its hands: so a batch shrinks with the worst of its messages, and
    only one that has died in small company is tried alone.
    """
    limits = (max(1, batch_maximum_messages // DIVISOR**count) for count in attempts)
    smallest = accumulate(limits, min)
    fitting = takewhile(lambda item: item[0] < item[1], enumerate(smallest))
    return sum(1 for _ in fitting)
