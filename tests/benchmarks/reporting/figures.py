"""Measured figures, their floors and verdicts, and the statistics behind them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import geometric_mean, median
from typing import Literal

MET, MISSED, SHOWN = "met", "missed", "shown"


@dataclass(frozen=True, slots=True)
class Floor:
    """The worst value that a figure may have."""

    direction: Literal["at least", "at most"]
    value: float

    def is_met_by(self, value: float) -> bool:
        """Whether the value is on the right side."""
        return value >= self.value if self.direction == "at least" else value <= self.value


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    subject: str
    name: str
    value: float
    unit: str
    floor: Floor | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`shown` without a floor."""
        if self.floor is None:
            return SHOWN
        return MET if self.floor.is_met_by(self.value) else MISSED


def at_least(value: float) -> Floor:
    """The value must not be lower."""
    return Floor("at least", value)


def at_most(value: float) -> Floor:
    """The value must not be higher."""
    return Floor("at most", value)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that is not exceeded by this percentage of the values."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__trunc__() - 1)]


def trimmed_mean(ratios: Iterable[float]) -> float:
    """The geometric mean without the highest and the lowest eighth; the median of fewer than 8.

    For many ratios it varies a fifth less than the median.
    """
    ordered = sorted(ratios)
    trimmed = len(ordered) // 8
    return geometric_mean(ordered[trimmed : len(ordered) - trimmed]) if trimmed else median(ordered)
