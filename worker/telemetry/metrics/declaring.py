"""Declares metrics: each with the values that its labels may have, so that their number is bounded.

The number of series must not grow with the data: no label holds a phone number or an account.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from worker.telemetry.process_counters import PREFIX

__all__ = ["OTHER", "Declarations", "Domain", "FirstSeen", "anything_of"]

OTHER: Final = "other"


class Domain(NamedTuple):
    """The values that a label may have."""

    values: tuple[str, ...]
    """Those that exist from the start, with a series each."""
    more: int = 0
    """How many others may come at run time."""
    described: str = ""
    """What the others are, for the documentation."""

    @property
    def maximum(self) -> int:
        """How many different values there can be at most."""
        return len(self.values) + self.more


class FirstSeen:
    """Limits the values of a label: those seen first keep their names, the rest become `other`."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._seen: dict[str, str] = {}

    def label_of(self, value: str) -> str:
        """The value itself, or `other`."""
        seen = self._seen.get(value)
        if seen is None:
            if len(self._seen) >= self._maximum:
                return OTHER
            seen = self._seen[value] = value
        return seen


def anything_of(values: Iterable[str]) -> Domain:
    """The domain of a label that has one of these values, all of them from the start."""
    return Domain(tuple(map(str, values)))


class Declarations:
    """Declares metrics in a registry, and knows the domains of their labels."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.domains: dict[str, Mapping[str, Domain]] = {}
        """The domains of each metric's labels, by the name of the metric."""

    def counter(self, name: str, meaning: str, **labels: Iterable[str] | Domain) -> Counter:
        """A counter; its name ends with `_total`."""
        domains = self._declare(name, labels)
        metric = Counter(f"{PREFIX}_{name}", meaning, tuple(domains), registry=self._registry)
        _show_zeros(metric, domains)
        return metric

    def histogram(
        self,
        name: str,
        meaning: str,
        buckets: tuple[float, ...],
        **labels: Iterable[str] | Domain,
    ) -> Histogram:
        """A histogram with these upper bounds, in the unit that its name ends with."""
        domains = self._declare(name, labels)
        metric = Histogram(
            f"{PREFIX}_{name}", meaning, tuple(domains), buckets=buckets, registry=self._registry
        )
        _show_zeros(metric, domains)
        return metric

    def gauge(self, name: str, meaning: str, **labels: Iterable[str] | Domain) -> Gauge:
        """A gauge; one with labels has no series before its first value is set."""
        domains = self._declare(name, labels)
        return Gauge(f"{PREFIX}_{name}", meaning, tuple(domains), registry=self._registry)

    def _declare(
        self, name: str, labels: Mapping[str, Iterable[str] | Domain]
    ) -> Mapping[str, Domain]:
        domains = {
            label: values if isinstance(values, Domain) else anything_of(values)
            for label, values in labels.items()
        }
        self.domains[f"{PREFIX}_{name}"] = domains
        return domains


def _show_zeros(metric: Counter | Histogram, domains: Mapping[str, Domain]) -> None:
    # A series that first appears at 1 shows no rise: an alert would miss the first event.
    if domains:
        for values in product(*(domain.values for domain in domains.values())):
            metric.labels(*values)
