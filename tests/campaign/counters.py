"""Numbers that the processes of a campaign share: one writes each, all may read."""

import mmap
import struct
from pathlib import Path

NAMES = (
    "gate",
    "sent",
    "published",
    "confirmed",
    "resent",
    "repeated",
    "answered",
    "noted",
    "heard_microseconds",
)
"""The gate is the campaign's: no command beyond it is published yet. Then the publisher's, then
the subscriber's; heard is when an event last came that had not come before."""
SIZE = 8 * len(NAMES)
PLACES = {name: 8 * place for place, name in enumerate(NAMES)}


class Counters:
    """A few whole numbers in a file that is mapped into each process."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), SIZE)

    @classmethod
    def made(cls, path: Path) -> "Counters":
        """All zero, in a new file."""
        path.write_bytes(bytes(SIZE))
        return cls(path)

    def __getitem__(self, name: str) -> int:
        return int(struct.unpack_from("<q", self._map, PLACES[name])[0])

    def __setitem__(self, name: str, value: int) -> None:
        struct.pack_into("<q", self._map, PLACES[name], value)
