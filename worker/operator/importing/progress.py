"""How far a long command has come."""

from collections.abc import Callable

__all__ = ["Progress", "silent"]

Progress = Callable[[str, int, int], None]
"""Called with the name of the phase, how much of it is done, and how much there is to do."""


def silent(_phase: str, _done: int, _total: int) -> None:
    """Shows nothing."""
