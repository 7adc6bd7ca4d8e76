"""What is left of a benchmark: a table on the terminal, and a file for machines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.figures import MET, MISSED, Figure

COLOURS = {MET: "green", MISSED: "bold red"}
TEN, THOUSAND = 10, 1000


@dataclass
class Result:
    """Everything that a benchmark came to."""

    seed: int
    quick: bool
    date: str
    machine: Mapping[str, object]
    versions: Mapping[str, str]
    seconds: float = 0
    used_by_others: float = 0
    """The part of all processors."""
    failures: list[str] = field(default_factory=list)
    """What could not be measured, and why."""
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What must be known to read the figures."""
    plans: dict[str, list[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    @property
    def missed(self) -> Sequence[Figure]:
        """The figures that are not as promised."""
        return [figure for figure in self.figures if figure.verdict == MISSED]


def written(result: Result) -> str:
    """Everything, as JSON."""
    told: dict[str, Any] = asdict(result)
    for figure, known in zip(told["figures"], result.figures, strict=True):
        figure["verdict"] = known.verdict
    return json.dumps(told, indent=1)


def show(result: Result, console: Console) -> None:
    """The table."""
    table = Table(title="Benchmark", title_justify="left")
    for name in ("subject", "figure"):
        table.add_column(name)
    table.add_column("value", justify="right")
    table.add_column("promised", justify="right")
    table.add_column("verdict")
    table.add_column("note")
    subject = ""
    for figure in result.figures:
        if figure.subject != subject:
            table.add_section()
        colour = COLOURS.get(figure.verdict, "dim")
        table.add_row(
            figure.subject if figure.subject != subject else "",
            figure.name,
            f"{number(figure.value)} {figure.unit}",
            f"{figure.limit.direction} {number(figure.limit.value)}" if figure.limit else "",
            f"[{colour}]{figure.verdict if figure.limit else ''}[/]",
            figure.note,
        )
        subject = figure.subject
    console.print(table)
    for note in result.notes:
        console.print(note, markup=False)
    console.print(about(result))
    for failure in result.failures:
        console.print(failure, style="bold red", markup=False)


def about(result: Result) -> str:
    """Where and with what it was measured."""
    known = result.machine
    versions = ", ".join(f"{name} {of_name}" for name, of_name in result.versions.items())
    return (
        f"{known['processor']}, {known['cores']} cores, {known['memory_gibibytes']} GiB;"
        f" {versions}; seed {result.seed}; {result.date}; {result.seconds:.0f} s,"
        f" {result.used_by_others:.0%} of the processors busy with other things"
    )


def number(value: float) -> str:
    """As many digits as can mean anything."""
    if abs(value) >= THOUSAND:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= TEN else f"{value:.2f}"
