"""Poison messages: how a message that kills the worker is isolated and then recognised."""

from collections.abc import Sequence
from itertools import accumulate, takewhile
from typing import Final

__all__ = ["POISON_AFTER_ATTEMPTS", "batch_limit", "is_poison"]

POISON_AFTER_ATTEMPTS: Final = 6
"""Unfinished attempts: in batches of 200, 25 and 3 messages, then three times alone."""
BATCH_DIVISOR: Final = 8
"""Each unfinished attempt divides the largest batch that a message may be part of."""


def is_poison(attempts: int) -> bool:
    """Whether so many unfinished attempts make a message poison, to be dead-lettered."""
    return attempts >= POISON_AFTER_ATTEMPTS


def batch_limit(attempts: Sequence[int], batch_maximum_messages: int) -> int:
    """How many of these messages, from the first on, may form one batch; at least 1.

    `attempts` holds for each message the number of attempts that began and never finished. A
    worker that dies interrupts every message of its batch, and most of them are harmless. So the
    message with the most attempts limits the batch, and a message is handled alone only after
    small batches failed as well.
    """
    limits = (max(1, batch_maximum_messages // BATCH_DIVISOR**count) for count in attempts)
    running_minimum = accumulate(limits, min)
    fitting = takewhile(lambda item: item[0] < item[1], enumerate(running_minimum))
    return sum(1 for _ in fitting)
