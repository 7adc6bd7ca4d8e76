"""The advisory locks of this product: add a lock here, so that no key is taken twice."""

from typing import Final

__all__ = ["IMPORT", "MEMBER", "MIGRATION", "PARTITION", "TERM", "partition_lock"]

MIGRATION: Final = 7_254_001
PARTITION: Final = 7_254_002
"""Of partition 0; see `partition_lock`."""
IMPORT: Final = 7_254_003
TERM: Final = 7_254_005
"""Of partition 0; taken by the functions of the schema alone."""

MEMBER: Final = -2
"""In place of a partition: the lock that all running workers share. A change of the number of
partitions takes it exclusively."""


def partition_lock(partition: int) -> int:
    """The key of a partition's lock, of the router's, or of `MEMBER`.

    One key, with the partition in its upper half: a lock with two keys could not be told from
    other locks of the same server by its lower half.
    """
    return (partition << 32) + PARTITION
