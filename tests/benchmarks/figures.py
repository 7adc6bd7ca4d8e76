"""What was measured, and whether it is what was promised."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import geometric_mean, median
from typing import Literal

MET, MISSED, SHOWN = "met", "missed", "shown"


@dataclass(frozen=True, slots=True)
class Limit:
    """What was promised of a figure."""

    direction: Literal["at least", "at most"]
    value: float

    def holds_for(self, value: float) -> bool:
        """Whether the promise is kept."""
        return value >= self.value if self.direction == "at least" else value <= self.value


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    subject: str
    name: str
    value: float
    unit: str
    limit: Limit | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`shown` where nothing was promised."""
        if self.limit is None:
            return SHOWN
        return MET if self.limit.holds_for(self.value) else MISSED


def at_least(value: float) -> Limit:
    """No less than this."""
    return Limit("at least", value)


def at_most(value: float) -> Limit:
    """No more than this."""
    return Limit("at most", value)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__trunc__() - 1)]


def middle(ratios: Iterable[float]) -> float:
    """The geometric mean without the highest and the lowest eighth: of many, it swings a fifth less
    than their median, and one that the machine spoilt does not count. Of few, the median."""
    ordered = sorted(ratios)
    spoilt = len(ordered) // 8
    return geometric_mean(ordered[spoilt : len(ordered) - spoilt]) if spoilt else median(ordered)
