"""What many partitions would come to on enough cores, by what one command was measured to cost.

A model and no measurement: two cores cannot run sixteen partitions. It takes the processor time of
each part and asks which part would be the first to be fully used.
"""

from collections.abc import Sequence
from dataclasses import dataclass

MILLISECONDS = 1000
MODELLED = (4, 8, 16)
SERVER_CORES = 16
ASSUMPTIONS = f"""\
The model of partitions assumes: a partition uses one core, and so does the router, so what they
wait for is hidden behind what else they have to do; a command costs each part what it costs with
two partitions, and no partition waits for another; accounts are spread evenly over the partitions;
the broker and the database have {SERVER_CORES} cores each and use all of them; disk and network
are no limit."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds of processor for one command."""

    partition: float
    router: float
    broker: float
    database: float


@dataclass(frozen=True, slots=True)
class Modelled:
    """What so many partitions come to."""

    partitions: int
    commands_a_second: float
    limited_by: str
    cores: tuple[tuple[str, float], ...]
    """How many each part uses then."""

    @property
    def told(self) -> str:
        """For people."""
        used = ", ".join(f"{part} {cores:.1f}" for part, cores in self.cores)
        return f"limited by {self.limited_by}; cores used: {used}"


def modelled(measured: Measured, partitions: Sequence[int] = MODELLED) -> list[Modelled]:
    """The throughput of so many partitions each: that of the part that is fully used first."""
    return [_modelled(measured, count) for count in partitions]


def _modelled(measured: Measured, partitions: int) -> Modelled:
    parts = {
        "the partitions": (partitions, measured.partition),
        "the router": (1, measured.router),
        "the broker": (SERVER_CORES, measured.broker),
        "the database": (SERVER_CORES, measured.database),
    }
    limits = {name: cores * MILLISECONDS / cost for name, (cores, cost) in parts.items()}
    limited_by = min(limits, key=lambda name: limits[name])
    rate = limits[limited_by]
    cores = tuple((name, rate * cost / MILLISECONDS) for name, (_, cost) in parts.items())
    return Modelled(partitions, rate, limited_by, cores)
