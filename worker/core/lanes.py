"""The lanes of commands: who waits for one decides how soon its messages are published."""

from enum import IntEnum, unique

__all__ = ["Lane"]


@unique
class Lane(IntEnum):
    """How soon the messages of a command go out: the first lane before the others.

    Lanes order commands of different numbers only. The messages of one number keep their order.
    """

    INTERACTIVE = 0
    """A person waits."""
    SURPLUS = 1
    """From the command queue, beyond its account's share while others wait."""
    BULK = 2
    """From the bulk queue: nobody waits for this one alone."""
