"""Limits the messages that a consumer holds, so that they fit into memory whatever their size."""

from time import monotonic
from typing import Final

from activation_contracts.reading import BODY_MAXIMUM_BYTES

__all__ = ["Prefetch"]

FEW_MESSAGES: Final = 2
FEW_FOR_SECONDS: Final = 60


class Prefetch:
    """The prefetch count: as set, but 2 for a minute after a message that is too large to be read.

    The broker counts messages and not bytes, and accepts messages of 16 MiB and more: a full
    prefetch of those would be gigabytes.
    """

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._few_until = 0.0
        self._current = messages

    def new_qos(self) -> int:
        """The prefetch count of a consumer that starts now."""
        self._current = FEW_MESSAGES if monotonic() < self._few_until else self._messages
        return self._current

    def needs_new_qos(self, body_bytes: int) -> bool:
        """Whether consumers must start again with another count, after a message of this size."""
        if body_bytes > BODY_MAXIMUM_BYTES:
            self._few_until = monotonic() + FEW_FOR_SECONDS
            return self._current > FEW_MESSAGES
        return self._current < self._messages and monotonic() > self._few_until
