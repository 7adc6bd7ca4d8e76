"""Models the throughput of many partitions on enough cores, from measured costs of a command.

This is a model and not a measurement: two cores cannot run sixteen partitions. It takes the
processor time of each part and finds the part that would be fully used first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

MILLISECONDS = 1000
MODELLED = (4, 8, 16)
SERVER_CORES = 16
ASSUMPTIONS = f"""\
The model of partitions assumes: each partition and the router use one core, and their waiting
overlaps with their other work; a command costs each part what it costs with two partitions, and no
partition waits for another; accounts are spread evenly over the partitions; the broker and the
database have {SERVER_CORES} cores each and use all of them; disk and network are no limit."""


@dataclass(frozen=True, slots=True)
class PartCosts:
    """Milliseconds of processor for one command, by part."""

    partition: float
    router: float
    broker: float
    database: float


@dataclass(frozen=True, slots=True)
class Modelled:
    """The modelled throughput of a number of partitions."""

    partitions: int
    commands_a_second: float
    limited_by: str
    cores: tuple[tuple[str, float], ...]
    """How many cores each part uses at that rate."""

    @property
    def note(self) -> str:
        """The limiting part and the used cores, as text."""
        used = ", ".join(f"{part} {cores:.1f}" for part, cores in self.cores)
        return f"limited by {self.limited_by}; cores used: {used}"


def modelled(costs: PartCosts, partitions: Sequence[int] = MODELLED) -> list[Modelled]:
    """The throughput with each number of partitions: that of the part that is fully used first."""
    return [_modelled(costs, count) for count in partitions]


def _modelled(costs: PartCosts, partitions: int) -> Modelled:
    parts = {
        "the partitions": (partitions, costs.partition),
        "the router": (1, costs.router),
        "the broker": (SERVER_CORES, costs.broker),
        "the database": (SERVER_CORES, costs.database),
    }
    limits = {name: cores * MILLISECONDS / cost for name, (cores, cost) in parts.items()}
    limited_by = min(limits, key=lambda name: limits[name])
    rate = limits[limited_by]
    cores = tuple((name, rate * cost / MILLISECONDS) for name, (_, cost) in parts.items())
    return Modelled(partitions, rate, limited_by, cores)
