"""What a run costs, beside its time: processor seconds, and the memory of the one measured."""

import os
from dataclasses import dataclass
from typing import Self

import psutil

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor seconds, of user and of system."""

    contestant: float
    broker: float
    database: float

    @classmethod
    def until_now(cls, pid: int) -> Self:
        """What the process, and the servers that this program has started, have used so far."""
        servers = psutil.Process(os.getpid()).children(recursive=True)
        return cls(
            _seconds(psutil.Process(pid)),
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


def resident_mebibytes(pid: int) -> float:
    """The memory that the process holds now."""
    return float(psutil.Process(pid).memory_info().rss) / MEBIBYTE


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
