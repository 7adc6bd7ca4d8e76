"""Lanes: how phone numbers are spread over them, and how workers share them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

__all__ = [
    "DISTRIBUTION",
    "LANES_MAXIMUM",
    "Duty",
    "duties",
    "lane_of",
    "name_of",
    "rank_of",
    "share",
]

DISTRIBUTION: Final = -1
"""The post that hands commands to the lanes, where there is more than one."""
LANES_MAXIMUM: Final = 64
"""Each costs a queue, a relay and a look at the outbox every second."""


def lane_of(partition_key: str, lanes: int) -> int:
    """The lane of all numbers of an account at a site, the same in every process and version.

    By `account_id/site_id` and not by number, so that no two lanes ever need the lock of the same
    account.
    """
    if lanes == 1:
        return 0
    digest = blake2b(partition_key.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % lanes


@dataclass(frozen=True, slots=True)
class Duty:
    """What the holder of a post has to do."""

    post: int
    """A lane by its number, or `DISTRIBUTION`."""
    lanes: int
    """How many there are."""
    paused: bool = False
    """Whether no commands may be read from where they were published to."""

    @property
    def reads_results(self) -> bool:
        """Whether it reads what PBX systems say: one post does."""
        return self.post == _reader(self.lanes)

    @property
    def has_lane(self) -> bool:
        """Whether it decides and relays."""
        return self.post != DISTRIBUTION


def _reader(lanes: int) -> int:
    return 0 if lanes == 1 else DISTRIBUTION


def duties(lanes: int, *, changing: bool) -> tuple[Duty, ...]:
    """All that is to be done while there are so many lanes, or while their number changes."""
    reader = Duty(_reader(lanes), lanes, paused=changing)
    return (reader, *(Duty(post, lanes) for post in range(lanes) if post != reader.post))


def name_of(post: int) -> str:
    """For people: the number of a lane, or a word."""
    return "distribution" if post == DISTRIBUTION else str(post)


def share(posts: int, members: int, rank: int) -> int:
    """How many posts the worker of this rank may hold; nobody holds two more than another."""
    return posts // members + (rank < posts % members)


def rank_of(place: int, held: Sequence[int]) -> int:
    """The rank of the worker at this place, by how many posts each holds, the oldest first.

    Who holds more comes first: so nothing moves as long as all is shared out evenly.
    """
    order = sorted(range(len(held)), key=lambda member: -held[member])
    return order.index(place)
