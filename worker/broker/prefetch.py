"""How many messages a consumer holds, so that they fit into memory whatever their size."""

from time import monotonic
from typing import Final

from contracts.reading import BODY_MAXIMUM_BYTES

__all__ = ["Prefetch"]

FEW_MESSAGES: Final = 2
FEW_FOR_SECONDS: Final = 60


class Prefetch:
    """As many as are set; few for a while after a message that is larger than any that is read.

    The broker counts messages and not bytes, and takes messages of 16 MiB and more: as many of
    those as of commands would be gigabytes.
    """

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._few_until = 0.0
        self.used = messages
        """How many the last one may hold."""

    def use(self) -> int:
        """How many a consumer may hold that begins now."""
        self.used = FEW_MESSAGES if monotonic() < self._few_until else self._messages
        return self.used

    def needs_new_qos(self, body_bytes: int) -> bool:
        """Whether consuming must begin anew, after a message of this size."""
        if body_bytes > BODY_MAXIMUM_BYTES:
            self._few_until = monotonic() + FEW_FOR_SECONDS
            return self.used > FEW_MESSAGES
        return self.used < self._messages and monotonic() > self._few_until
