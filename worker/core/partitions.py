"""Partitions: how phone numbers are spread over them, and how workers share them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

__all__ = [
    "PARTITIONS_MAXIMUM",
    "ROUTER",
    "Assignment",
    "Layout",
    "assignments",
    "name_of",
    "partition_of",
    "quota",
    "rank_of",
]

ROUTER: Final = -1
"""In place of a partition's number: the assignment that routes commands to the partitions."""
PARTITIONS_MAXIMUM: Final = 64
"""Each costs a queue, a relay and a query of the outbox every second."""


def partition_of(partition_key: str, partitions: int) -> int:
    """The partition of all numbers of an account at a site, the same in every process and version.

    By `account_id/site_id` and not by number, so that no two partitions ever need the lock of the
    same account.
    """
    if partitions == 1:
        return 0
    digest = blake2b(partition_key.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % partitions


@dataclass(frozen=True, slots=True)
class Layout:
    """How many partitions there are, and how commands reach them."""

    partitions: int = 1
    routed: bool = False
    """Whether each partition has a queue of its own, which the router feeds. Always so for
    several; a single one otherwise reads the queue that commands are published to."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One share of the work, which one worker serves at a time."""

    partition: int
    """A partition by its number, or `ROUTER`."""
    layout: Layout

    @property
    def is_router(self) -> bool:
        """Whether it routes commands; any other decides commands and relays messages."""
        return self.partition == ROUTER

    @property
    def reads_results(self) -> bool:
        """Whether it reads PBX results, reports and directory messages: one assignment does."""
        return self.is_router or not self.layout.routed


def assignments(layout: Layout) -> tuple[Assignment, ...]:
    """All assignments of a layout."""
    numbers = range(layout.partitions)
    every = (ROUTER, *numbers) if layout.routed else numbers
    return tuple(Assignment(partition, layout) for partition in every)


def name_of(partition: int) -> str:
    """For people: the number of a partition, or `router`."""
    return "router" if partition == ROUTER else str(partition)


def quota(every: int, members: int, rank: int) -> int:
    """How many assignments the worker of this rank may hold; no two quotas differ by two."""
    return every // members + (rank < every % members)


def rank_of(place: int, held: Sequence[int]) -> int:
    """The rank of the worker at this place, by how many assignments each holds, oldest first.

    The worker that holds more comes first, so nothing moves while all is shared out evenly.
    """
    order = sorted(range(len(held)), key=lambda member: -held[member])
    return order.index(place)
