"""Which faults come when: by seed, and by how far the commands are."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

FIRST, LAST = 0.02, 0.90
"""Of the commands: before there is nothing to disturb, and afterwards nothing may be seen."""


class Fault(StrEnum):
    """What can happen."""

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


LANES: Mapping[str, tuple[Fault, ...]] = {
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
"""Faults of one lane follow each other, those of several overlap."""


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    commands: int
    worker_kills: int
    broker_restarts: int
    database_restarts: int
    others: int
    """Of each further fault."""
    freezes: int
    partitions: int
    databases_full: int
    """Only tables of more than 16 MiB cannot grow then: a short campaign has none."""
    ahead: float
    """How far, as a share, the commands may run ahead of a fault that is due."""
    freeze_seconds: float = 15
    hold_seconds: tuple[float, float] = (2, 8)
    """How long an alarm, a full disk or queue, a missing binding or connection lasts."""
    partition_seconds: tuple[float, float] = (5, 25)
    worker_partitions: int = 1

    @property
    def numbers(self) -> int:
        """Enough for the commands, and not so many that each is used only once."""
        return max(300, min(20_000, self.commands // 8))

    @property
    def window(self) -> int:
        """How many commands may be without an answer."""
        return max(200, min(5000, self.commands // 10))

    @property
    def faults(self) -> Counter[Fault]:
        """How often each."""
        return Counter(
            {
                Fault.WORKER_KILL: self.worker_kills,
                Fault.WORKER_RESTART: self.others,
                Fault.LEADER_FREEZE: self.freezes,
                Fault.BROKER_KILL: self.broker_restarts - self.broker_restarts // 4,
                # In order it takes twice as long, and is no harder.
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
class Lane:
    """Faults that follow each other, each due at a share of the commands."""

    due: list[tuple[float, Fault]] = field(default_factory=list)

    @property
    def next_share(self) -> float:
        """Where the next is due; beyond all commands and their repeats when there is none."""
        return self.due[0][0] if self.due else 2.0


def lanes(seed: int, faults: Mapping[Fault, int]) -> dict[str, Lane]:
    """The same faults in the same order for each seed, spread evenly with some jitter."""
    dice = random.Random(f"faults {seed}")
    return {name: _lane(dice, faults, kinds) for name, kinds in LANES.items()}


def gate(planned: Mapping[str, Lane], size: Size) -> int:
    """Up to which command may be published: no lane is left behind."""
    due = min(lane.next_share for lane in planned.values())
    return int((due + size.ahead) * size.commands)


def _lane(dice: random.Random, faults: Mapping[Fault, int], kinds: tuple[Fault, ...]) -> Lane:
    chosen = [kind for kind in kinds for _ in range(faults.get(kind, 0))]
    dice.shuffle(chosen)
    width = (LAST - FIRST) / max(1, len(chosen))
    return Lane(
        [(FIRST + width * (place + dice.random()), kind) for place, kind in enumerate(chosen)]
    )
