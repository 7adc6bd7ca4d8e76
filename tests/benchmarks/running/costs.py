"""Processor time and memory of the measured process and of the servers."""

import asyncio
import time
from dataclasses import dataclass
from typing import Self

import psutil

MEBIBYTE = 1 << 20
POLL_SECONDS = 1
IDLE_SHARE = 0.1
IDLE_POLLS_MAXIMUM = 60


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor seconds, user and system."""

    implementation: float
    broker: float
    database: float

    @property
    def total(self) -> float:
        """The sum of all three."""
        return self.implementation + self.broker + self.database

    @classmethod
    def so_far(cls, pid: int) -> Self:
        """What the process, and the servers that this program started, have used until now."""
        servers = psutil.Process().children(recursive=True)
        return cls(
            processor_seconds(pid),
            sum(_seconds(item) for item in servers if _name(item).startswith("beam")),
            sum(_seconds(item) for item in servers if _name(item).startswith("postgres")),
        )

    def since(self, before: Self) -> "Costs":
        """The difference to an earlier value."""
        return Costs(
            self.implementation - before.implementation,
            self.broker - before.broker,
            self.database - before.database,
        )


async def wait_until_idle() -> None:
    """Returns when the servers use less than a tenth of a core, or after a minute.

    Servers still sort, vacuum and write back new data for some seconds, which would slow whatever
    is measured meanwhile.
    """
    before = _servers_seconds()
    for _ in range(IDLE_POLLS_MAXIMUM):
        await asyncio.sleep(POLL_SECONDS)
        now = _servers_seconds()
        # Negative where a process ended: its seconds are no longer counted.
        if 0 <= now - before < IDLE_SHARE * POLL_SECONDS:
            return
        before = now


class OtherProcesses:
    """Measures how much of the machine unrelated processes use."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._before = _busy_seconds() - _own_seconds()

    def share(self) -> float:
        """The share of all processors that they have used since construction."""
        passed = (time.monotonic() - self._began) * (psutil.cpu_count() or 1)
        return max(0.0, _busy_seconds() - _own_seconds() - self._before) / passed


def processor_seconds(pid: int) -> float:
    """What the process and its ended children have used until now."""
    return _seconds(psutil.Process(pid))


def resident_mebibytes(pid: int) -> float:
    """The resident size of the process."""
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
    # PostgreSQL forks a child for each connection: the time of ended children counts too.
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    ended = times.children_user + times.children_system
    return float(times.user + times.system + ended)
