"""The report as a page: figures, and a timeline of faults against throughput."""

from collections.abc import Iterable, Mapping
from html import escape
from itertools import pairwise
from typing import Any

WIDTH, HEIGHT, TRACK_HEIGHT, MARGIN = 1200, 220, 22, 70
POINTS = 600
COLOURS = {
    "kills": "#c0392b",
    "workers": "#e67e22",
    "broker": "#8e44ad",
    "database": "#2471a3",
    "network": "#616a6b",
    "upgrade": "#1e8449",
}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { border-bottom: 1px solid #ddd; padding: .2rem .8rem; text-align: left }
td.number { text-align: right; font-variant-numeric: tabular-nums }
.GOOD { color: #1e8449 } .BAD { color: #c0392b } .INCONCLUSIVE { color: #b9770e }
pre { background: #f6f6f6; overflow: auto; padding: 1rem }
svg text { font: 12px system-ui, sans-serif; fill: #444 }
"""


def page(report: Mapping[str, Any]) -> str:
    """The whole page, as HTML that loads nothing."""
    word = report["verdict"]
    parts = [
        f"<h1>Campaign {report['seed']}: <span class='{word}'>{word}</span></h1>",
        *(f"<p>{escape(reason)}</p>" for reason in report["reasons"]),
        f"<p>{escape(_circumstances(report))}</p>",
        "<h2>Throughput and faults</h2>",
        _timeline(report["samples"], report["incidents"]),
        "<h2>Verdict</h2>",
        _findings(report["findings"]),
        "<h2>Seconds until recovery</h2>",
        _recoveries(report["recovery_seconds"]),
        *(_counted(name, report[name]) for name in ("faults", "counts", "outcomes", "deliveries")),
        *_examples(report),
    ]
    head = f"<meta charset='utf-8'><title>Campaign {report['seed']}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(parts)}</body></html>"


def _circumstances(report: Mapping[str, Any]) -> str:
    machine = report["machine"]
    servers = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return (
        f"{report['counts']['answered']:,} commands answered in {report['seconds']:,} s, "
        f"{report['commands_a_second']:,} a second. {servers}. "
        f"{machine['system']}, {machine['processors']} processors, Python {machine['python']}. "
        f"Ended {report['ended']}."
    )


def _timeline(samples: list[dict[str, Any]], incidents: list[dict[str, Any]]) -> str:
    seconds = max((sample["seconds"] for sample in samples), default=1) or 1
    scale = (WIDTH - MARGIN) / seconds
    height = HEIGHT + TRACK_HEIGHT * (len(COLOURS) + 1)
    marks = "".join(_mark(incident, scale) for incident in incidents)
    names = "".join(f"<text x='0' y='{_track_top(track) + 15}'>{track}</text>" for track in COLOURS)
    return (
        f"<svg viewBox='0 0 {WIDTH} {height}' role='img' aria-label='timeline'>"
        f"{_throughput(samples, scale)}{names}{marks}{_hours(seconds, scale, height)}</svg>"
    )


def _throughput(samples: list[dict[str, Any]], scale: float) -> str:
    thinned = samples[:: max(1, len(samples) // POINTS)]
    rates = [
        (later["seconds"], (later["answered"] - earlier["answered"]) / passed)
        for earlier, later in pairwise(thinned)
        if (passed := later["seconds"] - earlier["seconds"]) > 0
    ]
    highest = max((rate for _, rate in rates), default=1) or 1
    points = " ".join(
        f"{MARGIN + at * scale:.1f},{HEIGHT * (1 - rate / highest):.1f}" for at, rate in rates
    )
    return (
        f"<polyline points='{points}' fill='none' stroke='#1e8449' stroke-width='1.2'/>"
        f"<text x='0' y='12'>{highest:,.0f}/s</text><text x='0' y='{HEIGHT}'>0/s</text>"
    )


def _mark(incident: Mapping[str, Any], scale: float) -> str:
    left = MARGIN + incident["began"] * scale
    width = max(1.0, (incident["ended"] - incident["began"]) * scale)
    recovered = incident["recovered_seconds"]
    after = "" if recovered is None else f"; recovered after {recovered:.2f} s"
    title = escape(f"{incident['fault']} at {incident['began']:.1f} s: {incident['detail']}{after}")
    return (
        f"<rect x='{left:.1f}' y='{_track_top(incident['track'])}' width='{width:.1f}' "
        f"height='{TRACK_HEIGHT - 4}' fill='{COLOURS[incident['track']]}' fill-opacity='.6'>"
        f"<title>{title}</title></rect>"
    )


def _track_top(track: str) -> int:
    return HEIGHT + 6 + TRACK_HEIGHT * list(COLOURS).index(track)


def _hours(seconds: float, scale: float, height: int) -> str:
    return "".join(
        f"<text x='{MARGIN + tenth * seconds / 10 * scale - 15:.0f}' y='{height - 4}'>"
        f"{tenth * seconds / 10:.0f} s</text>"
        for tenth in range(10)
    )


def _findings(findings: Mapping[str, Mapping[str, Any]]) -> str:
    return _table(
        ("set", "size", "meaning"),
        ((name, finding["count"], finding["meaning"]) for name, finding in findings.items()),
    )


def _recoveries(recoveries: Mapping[str, Mapping[str, float]]) -> str:
    names = ("count", "p50", "p95", "p99", "max")
    rows = ((kind, *(times[name] for name in names)) for kind, times in recoveries.items())
    return _table(("after", *names), rows)


def _counted(name: str, counts: Mapping[str, int]) -> str:
    return f"<h2>{name.capitalize()}</h2>" + _table(("what", "how often"), counts.items())


def _examples(report: Mapping[str, Any]) -> Iterable[str]:
    for name, finding in report["findings"].items():
        if finding["examples"]:
            yield f"<h3>{name}</h3><pre>{escape(chr(10).join(finding['examples']))}</pre>"
    if report["worker_troubles"]:
        yield "<h2>Unplanned exits and unexpected errors of workers</h2>"
        yield from (f"<pre>{escape(trouble)}</pre>" for trouble in report["worker_troubles"])


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><tr>{cells}</tr>{''.join(map(_row, rows))}</table>"


def _row(cells: Iterable[object]) -> str:
    return f"<tr>{''.join(map(_cell, cells))}</tr>"


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return f"<td class='number'>{value:,}</td>"
    return f"<td>{escape(str(value))}</td>"
