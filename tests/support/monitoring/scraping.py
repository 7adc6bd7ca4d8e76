"""The metrics as Prometheus reads them: their names, kinds, labels and values."""

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from worker.telemetry.process_counters import PREFIX

__all__ = ["Scraped", "scraped"]


class Scraped(NamedTuple):
    """A metric of the worker's own."""

    kind: str
    labels: frozenset[tuple[tuple[str, str], ...]]
    """Names and values of the labels of each of its series, sorted."""


def scraped(text: str) -> dict[str, Scraped]:
    """The metrics of the worker's own in the text format, by name."""
    return dict(_scraped(text))


def _scraped(text: str) -> Iterator[tuple[str, Scraped]]:
    for family in text_string_to_metric_families(text):
        if not family.name.startswith(PREFIX):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        series = {
            tuple(sorted((label, value) for label, value in sample.labels.items() if label != "le"))
            for sample in family.samples
        }
        yield name, Scraped(family.type, frozenset(series))
