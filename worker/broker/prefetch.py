"""Limits the messages that a consumer holds, so that they fit into memory whatever their size."""

from time import monotonic
from typing import Final

from activation_contracts.reading import BODY_MAXIMUM_BYTES

__all__ = ["Prefetch"]

FEW_MESSAGES: Final = 2
FEW_FOR_SECONDS: Final = 60
"""How long consumers hold `FEW_MESSAGES` after messages too large to be read filled them."""
FEWER_FOR_SECONDS: Final = 600
"""How long they hold what was set after many commands filled them. It is longer, since publishers
of larger commands go on to publish them, and each change is a new session."""
HELD_MAXIMUM_BYTES: Final = 32 * 1024 * 1024
"""As many as 500 messages of the largest size that can be read: many commands fit, which have 600
bytes."""
LARGE_HELD_MAXIMUM_BYTES: Final = 8 * 1024 * 1024
"""The same once messages come that are too large to be read: a single one changes nothing."""


class Prefetch:
    """The prefetch counts: as set, but fewer for some time after messages that are too large.

    The broker counts messages and not bytes, and accepts messages of 16 MiB and more: a full
    prefetch of those would be gigabytes.
    """

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._limit = messages
        self._limited_until = 0.0
        self._applied: int | None = None
        """The limit of the consumers that run; None: they hold as many as they are meant to."""

    def new_qos(self, messages: int | None = None) -> int:
        """The prefetch count of a consumer that starts now and is meant to hold this many."""
        wanted = self._messages if messages is None else messages
        self._applied = self._limit if monotonic() < self._limited_until else None
        return wanted if self._applied is None else min(wanted, self._applied)

    def needs_new_qos(self, body_bytes: int, held_bytes: int = 0) -> bool:
        """Whether consumers must start again with another count, after a message of this size.

        `held_bytes` is the size of those before it that its consumer holds.
        """
        if body_bytes > BODY_MAXIMUM_BYTES and held_bytes > LARGE_HELD_MAXIMUM_BYTES:
            return self._limit_to(FEW_MESSAGES, FEW_FOR_SECONDS)
        if held_bytes > HELD_MAXIMUM_BYTES:
            return self._limit_to(self._messages, FEWER_FOR_SECONDS)
        return self._applied is not None and monotonic() > self._limited_until

    def _limit_to(self, messages: int, seconds: float) -> bool:
        is_limited = monotonic() < self._limited_until
        self._limit = min(self._limit, messages) if is_limited else messages
        self._limited_until = max(self._limited_until, monotonic() + seconds)
        return self._applied is None or self._applied > messages
