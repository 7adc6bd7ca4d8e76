"""Counters that the processes of a campaign share; each has one writer."""

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
    "stated",
    "answered",
    "noted",
    "last_event_microseconds",
)
"""The campaign writes the gate: the publisher sends no command beyond it. The publisher writes the
next six, the subscriber the last three. `last_event_microseconds` is the time at which the last
event arrived that was not redelivered."""
SIZE = 8 * len(NAMES)
PLACES = {name: 8 * place for place, name in enumerate(NAMES)}


class Counters:
    """Integers in a file that is mapped into each process."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), SIZE)

    @classmethod
    def create(cls, path: Path) -> "Counters":
        """Creates the file; all counters are zero."""
        path.write_bytes(bytes(SIZE))
        return cls(path)

    def __getitem__(self, name: str) -> int:
        return int(struct.unpack_from("<q", self._map, PLACES[name])[0])

    def __setitem__(self, name: str, value: int) -> None:
        struct.pack_into("<q", self._map, PLACES[name], value)
