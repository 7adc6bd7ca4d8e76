"""The metrics and labels that an expression of PromQL names, compared with those of a worker.

It finds them by patterns; promtool or Prometheus has parsed the expression.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from worker.telemetry.metrics import MetricDescription, describe
from worker.telemetry.metrics.declaring import Domain
from worker.telemetry.process_counters import PREFIX

__all__ = ["Selector", "selectors", "unknown_in"]

OF_PROMETHEUS = frozenset({"job", "instance"})
"""Labels that Prometheus adds to each series."""
OF_THE_CLIENT = frozenset({"process_resident_memory_bytes", "process_cpu_seconds_total"})
"""Metrics of the Prometheus client, without labels of their own."""
SELECTOR = re.compile(rf"\b({PREFIX}_\w+|process_\w+)(?:\{{([^}}]*)\}})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
PARTS = ("_bucket", "_sum", "_count")


class Selector(NamedTuple):
    """A metric that an expression selects, and the labels by which it does."""

    metric: str
    matchers: Mapping[str, tuple[str, str]]
    """Operator and value, by label."""


def selectors(expression: str) -> list[Selector]:
    """All selectors of the expression."""
    return [
        Selector(
            metric,
            {label: (operator, value) for label, operator, value in MATCHER.findall(labels)},
        )
        for metric, labels in SELECTOR.findall(expression)
    ]


def unknown_in(expression: str) -> list[str]:
    """What the expression names and no worker exports: metrics, labels and values."""
    described = {row.name: row for row in describe()}
    found = selectors(expression)
    known = {"le", *OF_PROMETHEUS}
    unknown: list[str] = []
    for selector in found:
        if selector.metric in OF_THE_CLIENT:
            continue
        row = _described(selector.metric, described)
        if row is None:
            unknown.append(selector.metric)
            continue
        known |= row.labels.keys()
        unknown += _unknown_matchers(selector, row.labels)
    grouped = {
        label.strip() for labels in GROUPING.findall(expression) for label in labels.split(",")
    }
    return unknown + [f"label {label}" for label in sorted(grouped - known)]


def _described(name: str, described: Mapping[str, MetricDescription]) -> MetricDescription | None:
    for part in PARTS:
        histogram = described.get(name.removesuffix(part))
        if name.endswith(part) and histogram is not None and histogram.kind == "histogram":
            return histogram
    row = described.get(name)
    return None if row is None or row.kind == "histogram" else row


def _unknown_matchers(selector: Selector, domains: Mapping[str, Domain]) -> Iterator[str]:
    for label, (_, value) in selector.matchers.items():
        domain = domains.get(label)
        if domain is None and label not in OF_PROMETHEUS:
            yield f"label {label} of {selector.metric}"
        elif domain is not None and not any(re.fullmatch(value, one) for one in domain.values):
            yield f"value {value!r} of {label} of {selector.metric}"
