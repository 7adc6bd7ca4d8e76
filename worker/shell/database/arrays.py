"""Writes arrays without asking of each element whether it is an array itself.

The driver asks that by two abstract classes, which takes longer than all the rest: a row of eleven
columns took 3.0 us and takes 1.3, and a command has seven rows. There is no hook for it, so the
class that it asks first is replaced: here only lists and tuples are arrays.
"""

from asyncpg.protocol import protocol

__all__ = ["take_only_lists_for_arrays"]


def take_only_lists_for_arrays() -> None:
    """Replaces the class, for the whole process; again does no harm."""
    protocol.IterableABC = (list, tuple)
