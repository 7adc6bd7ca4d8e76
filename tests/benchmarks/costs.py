"""What a run costs, beside its time: processor seconds, and the memory of the one measured."""

import asyncio
import time
from dataclasses import dataclass
from typing import Self

import psutil

MEBIBYTE = 1 << 20
LOOK_SECONDS = 1
AT_REST_SHARE = 0.1
REST_MAXIMUM_LOOKS = 60


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor seconds, of user and of system."""

    contestant: float
    broker: float
    database: float

    @property
    def together(self) -> float:
        """Of all that took part."""
        return self.contestant + self.broker + self.database

    @classmethod
    def until_now(cls, pid: int) -> Self:
        """What the process, and the servers that this program has started, have used so far."""
        servers = psutil.Process().children(recursive=True)
        return cls(
            processor_seconds(pid),
            sum(_seconds(item) for item in servers if _name(item).startswith("beam")),
            sum(_seconds(item) for item in servers if _name(item).startswith("postgres")),
        )

    def since(self, before: Self) -> "Costs":
        """What was used in between."""
        return Costs(
            self.contestant - before.contestant,
            self.broker - before.broker,
            self.database - before.database,
        )


async def at_rest() -> None:
    """Returns when the servers have done with what was put into them, or after a minute.

    What was just filled they still sort into files, vacuum and write back, beside whoever runs.
    """
    before = _servers_seconds()
    for _ in range(REST_MAXIMUM_LOOKS):
        await asyncio.sleep(LOOK_SECONDS)
        now = _servers_seconds()
        # A process that has ended takes its seconds with it.
        if 0 <= now - before < AT_REST_SHARE * LOOK_SECONDS:
            return
        before = now


class Elsewhere:
    """How busy the machine is with what is not ours: figures of a busy one mean little."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._before = _busy_seconds() - _own_seconds()

    def share(self) -> float:
        """The part of all processors that others have used since."""
        passed = (time.monotonic() - self._began) * (psutil.cpu_count() or 1)
        return max(0.0, _busy_seconds() - _own_seconds() - self._before) / passed


def processor_seconds(pid: int) -> float:
    """What the process, and those of its children that have ended, have used so far."""
    return _seconds(psutil.Process(pid))


def resident_mebibytes(pid: int) -> float:
    """The memory that the process holds now."""
    return float(psutil.Process(pid).memory_info().rss) / MEBIBYTE


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _servers_seconds() -> float:
    return sum(map(_seconds, psutil.Process().children(recursive=True)))


def _own_seconds() -> float:
    own = psutil.Process()
    return sum(map(_seconds, (own, *own.children(recursive=True))))


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def _seconds(process: psutil.Process) -> float:
    # PostgreSQL serves each connection with a child: what those used that have ended counts too.
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    ended = times.children_user + times.children_system
    return float(times.user + times.system + ended)
