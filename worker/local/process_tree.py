"""Processes and their descendants, as /proc shows them."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Process", "end", "family", "find"]

END_DEADLINE_SECONDS: Final = 10
POLL_SECONDS: Final = 0.005


@dataclass(frozen=True, slots=True)
class Process:
    """A process, identified by its id and its start time, since ids are reused."""

    pid: int
    started_ticks: int

    @property
    def is_alive(self) -> bool:
        """Whether it runs; a zombie does not."""
        record = _read(self.pid)
        same = record is not None and record.started_ticks == self.started_ticks
        return same and record is not None and record.state not in "ZX"

    def send(self, number: signal.Signals) -> None:
        """Sends a signal; does nothing if the process has ended."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def find(pid: int) -> Process | None:
    """The process with this id, if there is one."""
    record = _read(pid)
    return None if record is None else Process(pid, record.started_ticks)


def family(head: Process) -> list[Process]:
    """The process and all of its descendants, in whatever session."""
    members = [head] if head.is_alive else []
    every = _all_processes()
    for member in members:  # grows while it is read
        children = (pid for pid, record in every.items() if record.parent == member.pid)
        members.extend(Process(pid, every[pid].started_ticks) for pid in children)
    return members


def end(head: Process, others: Iterable[Process] = ()) -> None:
    """Kills the process, its descendants and the others; returns when they have ended."""
    members = [*_frozen_family(head), *others]
    for member in members:
        member.send(signal.SIGKILL)
    deadline = time.monotonic() + END_DEADLINE_SECONDS
    while any(member.is_alive for member in members) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _frozen_family(head: Process) -> list[Process]:
    # Stopped first: a running process could start another one before it is killed.
    counted: list[Process] = []
    members = family(head)
    while len(members) > len(counted):
        for member in members:
            member.send(signal.SIGSTOP)
        counted, members = members, family(head)
    return members


class _Record(NamedTuple):
    state: str
    parent: int
    started_ticks: int


def _all_processes() -> dict[int, _Record]:
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    found = ((pid, _read(pid)) for pid in numbers)
    return {pid: record for pid, record in found if record is not None}


def _read(pid: int) -> _Record | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name of the program is in parentheses and may contain spaces.
    fields = text.rpartition(")")[2].split()
    return _Record(state=fields[0], parent=int(fields[1]), started_ticks=int(fields[19]))
