"""The schedule of faults: fixed by the seed, and due by the progress of the commands."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

FIRST, LAST = 0.02, 0.90
"""The shares of the commands between which faults are due: while there is work to disturb, and
while commands follow that show the recovery."""


class Fault(StrEnum):
    """A kind of fault."""

    WORKER_KILL = "worker killed"
    WORKER_RESTART = "worker restarted"
    LEADER_FREEZE = "leader frozen"
    BROKER_KILL = "broker killed"
    BROKER_RESTART = "broker restarted"
    MEMORY_ALARM = "memory alarm"
    DISK_ALARM = "disk alarm"
    QUEUE_FULL = "PBX queue full"
    QUEUE_UNBOUND = "PBX queue unbound"
    DATABASE_KILL = "database killed"
    DATABASE_RESTART = "database restarted"
    DATABASE_FULL = "database full"
    SESSIONS_ENDED = "database sessions ended"
    CONNECTION_CUT = "connection cut"
    PARTITION = "partition"
    SCHEMA_MIGRATED = "schema migrated"
    WORKER_UPGRADED = "worker upgraded"
    WORKER_TAKEN_BACK = "worker taken back to the last release"


TRACKS: Mapping[str, tuple[Fault, ...]] = {
    "kills": (Fault.WORKER_KILL,),
    "workers": (Fault.WORKER_RESTART, Fault.LEADER_FREEZE),
    "broker": (
        Fault.BROKER_KILL,
        Fault.BROKER_RESTART,
        Fault.MEMORY_ALARM,
        Fault.DISK_ALARM,
        Fault.QUEUE_FULL,
        Fault.QUEUE_UNBOUND,
    ),
    "database": (
        Fault.DATABASE_KILL,
        Fault.DATABASE_RESTART,
        Fault.DATABASE_FULL,
        Fault.SESSIONS_ENDED,
    ),
    "network": (Fault.CONNECTION_CUT, Fault.PARTITION),
}
"""Faults of one track follow each other; faults of different tracks overlap."""
UPGRADE = (
    (0.2, Fault.SCHEMA_MIGRATED),
    (0.4, Fault.WORKER_UPGRADED),
    (0.65, Fault.WORKER_UPGRADED),
    (0.8, Fault.WORKER_TAKEN_BACK),
)
"""When the steps of an upgrade are due: between them both releases work side by side."""


@dataclass(frozen=True)
class Size:
    """The number of commands and faults, and how long faults last."""

    commands: int
    worker_kills: int
    broker_restarts: int
    database_restarts: int
    others: int
    """How often each other fault is injected."""
    freezes: int
    partitions: int
    databases_full: int
    """Such a fault affects only tables of more than 16 MiB: a short campaign has none."""
    ahead: float
    """How far the commands may run ahead of a fault that is due, as a share of all."""
    freeze_seconds: float = 15
    hold_seconds: tuple[float, float] = (2, 8)
    """Shortest and longest duration of an alarm, a full disk or queue, a missing binding or cut."""
    partition_seconds: tuple[float, float] = (5, 25)
    worker_partitions: int = 1
    upgrade: bool = False
    """Whether the workers are those of the last release at first, and are replaced."""

    @property
    def numbers(self) -> int:
        """How many numbers: enough for the commands, and few enough to use each several times."""
        return max(300, min(20_000, self.commands // 8))

    @property
    def window(self) -> int:
        """How many commands may await their outcome."""
        return max(200, min(5000, self.commands // 10))

    @property
    def faults(self) -> Counter[Fault]:
        """How often each fault is injected."""
        return Counter(
            {
                Fault.WORKER_KILL: self.worker_kills,
                Fault.WORKER_RESTART: self.others,
                Fault.LEADER_FREEZE: self.freezes,
                Fault.BROKER_KILL: self.broker_restarts - self.broker_restarts // 4,
                # An orderly restart takes twice as long as a kill and tests less.
                Fault.BROKER_RESTART: self.broker_restarts // 4,
                Fault.MEMORY_ALARM: self.others,
                Fault.DISK_ALARM: self.others,
                Fault.QUEUE_FULL: self.others,
                Fault.QUEUE_UNBOUND: self.others,
                Fault.DATABASE_KILL: self.database_restarts - self.database_restarts // 2,
                Fault.DATABASE_RESTART: self.database_restarts // 2,
                Fault.DATABASE_FULL: self.databases_full,
                Fault.SESSIONS_ENDED: self.others,
                Fault.CONNECTION_CUT: self.others,
                Fault.PARTITION: self.partitions,
                **(Counter(step for _, step in UPGRADE) if self.upgrade else {}),
            }
        )


SIZES = {
    "short": Size(
        *(1_200, 6, 1, 1),
        others=1,
        freezes=0,
        partitions=0,
        databases_full=0,
        ahead=0.1,
        hold_seconds=(1, 2),
    ),
    "full": Size(
        *(1_000_000, 1_000, 100, 100),
        others=25,
        freezes=10,
        partitions=20,
        databases_full=25,
        ahead=0.03,
    ),
}


@dataclass
class Track:
    """Faults that follow each other, each due at a share of the commands."""

    due: list[tuple[float, Fault]] = field(default_factory=list)

    @property
    def next_share(self) -> float:
        """The share at which the next fault is due; beyond all commands if there is none."""
        return self.due[0][0] if self.due else 2.0


def tracks(seed: int, faults: Mapping[Fault, int]) -> dict[str, Track]:
    """The faults of each track, spread evenly with jitter; fixed by the seed."""
    dice = random.Random(f"faults {seed}")
    planned = {name: _track(dice, faults, kinds) for name, kinds in TRACKS.items()}
    planned["upgrade"] = Track([step for step in UPGRADE if faults.get(step[1])])
    return planned


def gate(planned: Mapping[str, Track], size: Size) -> int:
    """The last position that may be published, so that no track falls behind."""
    due = min(track.next_share for track in planned.values())
    return int((due + size.ahead) * size.commands)


def _track(dice: random.Random, faults: Mapping[Fault, int], kinds: tuple[Fault, ...]) -> Track:
    chosen = [kind for kind in kinds for _ in range(faults.get(kind, 0))]
    dice.shuffle(chosen)
    width = (LAST - FIRST) / max(1, len(chosen))
    return Track(
        [(FIRST + width * (place + dice.random()), kind) for place, kind in enumerate(chosen)]
    )
