"""How far a long command has come."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

__all__ = ["SILENT", "Progress"]


class Progress(Protocol):
    """Shows the phases of a long command, one after the other."""

    def phase(self, label: str, length: int) -> AbstractContextManager[Callable[[int], object]]:
        """Begins a phase of this length; call the result with each part that is done."""


class _Silent:
    @contextmanager
    def phase(self, _label: str, _length: int) -> Iterator[Callable[[int], object]]:
        yield lambda _: None


SILENT: Final[Progress] = _Silent()
"""Shows nothing."""
