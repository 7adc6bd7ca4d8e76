"""The keys of all advisory locks: add each new one here, so that no two locks share a key."""

from typing import Final

__all__ = ["DIRECTORY", "IMPORT", "MEMBER", "MIGRATION", "PARTITION", "TERM", "partition_lock"]

MIGRATION: Final = 7_254_001
PARTITION: Final = 7_254_002
"""Of partition 0; see `partition_lock`."""
IMPORT: Final = 7_254_003
"""Of one import at a time."""
TERM: Final = 7_254_005
"""Of partition 0; only the functions of the schema take it."""
DIRECTORY: Final = 7_254_006
"""Of the writers of records: directory messages share it, an import holds it alone."""

MEMBER: Final = -2
"""Passed as a partition: the lock that all running workers share. A change of the number of
partitions takes it exclusively."""


def partition_lock(partition: int) -> int:
    """The key of a partition's lock, of the router's, or of `MEMBER`.

    The key is one bigint with the partition in its upper half. `pg_locks` shows the lower half,
    by which `list_workers` recognises the locks of this product.
    """
    return (partition << 32) + PARTITION
