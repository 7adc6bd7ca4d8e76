"""Runs a target, and counts what became of its inputs."""

from collections import Counter
from time import monotonic
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.targets import Target

__all__ = ["Run", "run"]


class Run(NamedTuple):
    """What became of the inputs of a target."""

    target: str
    outcomes: Counter[str]
    seconds: float
    fault: str | None
    """The smallest input that led to a fault, and the fault."""

    @property
    def inputs(self) -> int:
        """How many inputs were tried."""
        return self.outcomes.total()


def run(target: Target, examples: int, starting_with: int) -> Run:
    """Tries so many inputs, the same ones for the same seed; stops at a fault."""
    outcomes: Counter[str] = Counter()

    @seed(starting_with)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[*HealthCheck],
    )
    @given(target.inputs)
    def try_input(content: Any) -> None:
        try:
            outcomes[target.judge(content)] += 1
        except Exception:
            outcomes["fault"] += 1
            raise

    started = monotonic()
    fault = None
    try:
        try_input()
    except Exception as error:  # noqa: BLE001 -- whatever a parser raises is the finding
        notes = " ".join(getattr(error, "__notes__", []))
        fault = f"{type(error).__name__}: {error} {notes}"
    return Run(target.name, outcomes, monotonic() - started, fault)
