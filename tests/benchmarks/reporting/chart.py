"""Draws the figures, for the documents."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from tests.benchmarks.reporting.figures import MISSED, Figure
from tests.benchmarks.reporting.report import Result, environment_text, format_number

WORKER, OTHER, BAD = "#1f6f8b", "#b8c4cc", "#c0392b"
INCHES, CAPTION_CHARACTERS = (13, 13), 180
LATENCY, RATE = "latency", "commands/s"
PERCENT_SHOWN = "p95"


def draw(result: Result, path: Path) -> None:
    """Writes an SVG file in which text remains text."""
    # The fixed salt gives the same file for the same figures.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "benchmark", "font.size": 8})
    sheet = Sheet(figsize=INCHES, layout="constrained")
    upper, middle, lower = sheet.subplots(3, 2)
    _bars(upper[0], "Commands a second, activate", _rates(result, "throughput, activate"))
    _bars(upper[1], "Commands a second, deactivate", _rates(result, "throughput, deactivate"))
    _bars(middle[0], "Commands a second, with grown data", _rates(result, "growth"))
    _bars(
        middle[1],
        "Commands a second, with partitions, measured and modelled",
        _rates(result, "partitions"),
    )
    latencies = [item for item in result.figures if _is_latency(item)]
    _bars(lower[0], "From command to ACTIVE, p95, ms", latencies, logarithmic=True)
    _floors(lower[1], [item for item in result.figures if item.floor is not None])
    sheet.supxlabel(fill(environment_text(result), CAPTION_CHARACTERS), fontsize=7)
    sheet.savefig(path, format="svg", metadata={"Date": None})


def _rates(result: Result, subject: str) -> list[Figure]:
    return [item for item in result.figures if item.subject == subject and item.unit == RATE]


def _is_latency(figure: Figure) -> bool:
    return figure.subject == LATENCY and figure.name.endswith(PERCENT_SHOWN)


def _bars(axes: Axes, title: str, figures: Sequence[Figure], *, logarithmic: bool = False) -> None:
    axes.set_title(title, loc="left")
    names = [figure.name.removesuffix(f", {PERCENT_SHOWN}") for figure in figures]
    colours = [WORKER if name.startswith("worker") else OTHER for name in names]
    bars = axes.barh(names, [figure.value for figure in figures], color=colours)
    axes.bar_label(bars, [format_number(figure.value) for figure in figures], padding=3)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    if logarithmic and figures:
        axes.set_xscale("log")


def _floors(axes: Axes, figures: Sequence[Figure]) -> None:
    """How far each figure is from its floor."""
    axes.set_title("Floors: 1 is just met, more is better", loc="left")
    names = [f"{figure.subject}: {figure.name}" for figure in figures]
    margins = [_margin(figure) for figure in figures]
    colours = [BAD if figure.verdict == MISSED else WORKER for figure in figures]
    bars = axes.barh(names, margins, color=colours)
    axes.bar_label(bars, [format_number(figure.value) for figure in figures], padding=3)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=6)
    axes.spines[["top", "right"]].set_visible(False)


def _margin(figure: Figure) -> float:
    if figure.floor is None or not figure.floor.value or not figure.value:
        return 1.0 if figure.verdict != MISSED else 0.0
    if figure.floor.direction == "at least":
        return figure.value / figure.floor.value
    return figure.floor.value / figure.value
