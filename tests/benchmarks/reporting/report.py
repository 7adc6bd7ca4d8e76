"""Reports a benchmark: as a table on the terminal, and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.reporting.figures import MET, MISSED, Figure

COLOURS = {MET: "green", MISSED: "bold red"}
TEN, THOUSAND = 10, 1000


@dataclass
class Result:
    """Everything that a benchmark measured."""

    seed: int
    quick: bool
    date: str
    machine: Mapping[str, object]
    versions: Mapping[str, str]
    seconds: float = 0
    used_by_others: float = 0
    """The share of all processors."""
    failures: list[str] = field(default_factory=list)
    """What could not be measured, with the reason."""
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Explanations below the table."""
    plans: dict[str, list[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    @property
    def missed(self) -> Sequence[Figure]:
        """The figures below their floors."""
        return [figure for figure in self.figures if figure.verdict == MISSED]


def to_json(result: Result) -> str:
    """The whole result."""
    fields: dict[str, Any] = asdict(result)
    for item, figure in zip(fields["figures"], result.figures, strict=True):
        item["verdict"] = figure.verdict
    return json.dumps(fields, indent=1)


def show(result: Result, console: Console) -> None:
    """Prints the table, the notes and the failures."""
    table = Table(title="Benchmark", title_justify="left")
    for name in ("subject", "figure"):
        table.add_column(name)
    table.add_column("value", justify="right")
    table.add_column("floor", justify="right")
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
            f"{format_number(figure.value)} {figure.unit}",
            f"{figure.floor.direction} {format_number(figure.floor.value)}" if figure.floor else "",
            f"[{colour}]{figure.verdict if figure.floor else ''}[/]",
            figure.note,
        )
        subject = figure.subject
    console.print(table)
    for note in result.notes:
        console.print(note, markup=False)
    console.print(environment_text(result))
    for failure in result.failures:
        console.print(failure, style="bold red", markup=False)


def environment_text(result: Result) -> str:
    """The machine, the versions and the circumstances of the run."""
    machine = result.machine
    versions = ", ".join(f"{name} {of_name}" for name, of_name in result.versions.items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gibibytes']} GiB;"
        f" {versions}; seed {result.seed}; {result.date}; {result.seconds:.0f} s,"
        f" {result.used_by_others:.0%} of the processors used by other processes"
    )


def format_number(value: float) -> str:
    """Rounds to the significant digits."""
    if abs(value) >= THOUSAND:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= TEN else f"{value:.2f}"
