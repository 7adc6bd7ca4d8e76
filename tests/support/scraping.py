"""What Prometheus finds when it scrapes a worker: metrics, their kinds, and their labels."""

from prometheus_client.parser import text_string_to_metric_families

from worker.shell.database.measuring import Measurements
from worker.shell.measured import PREFIX
from worker.shell.metrics import Metrics

__all__ = ["scraped"]

_NOTHING = Measurements(0, 0, 0, 0, 0, 0, 0, 0, 0)


async def scraped() -> dict[str, tuple[str, frozenset[str]]]:
    """Kind and label names of each metric of the worker's own, by its name.

    Only a series shows the labels of its metric. So each metric gets one here, and a metric
    without a series is an error.
    """

    async def measure() -> Measurements:
        return _NOTHING

    metrics = Metrics(measure)
    metrics.distributed(0, 1)
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for family in text_string_to_metric_families((await metrics.render()).decode()):
        if not family.name.startswith(PREFIX) or family.name.endswith("_created"):
            continue
        assert family.samples, f"{family.name} has no series: give it one above"
        labels = {label for sample in family.samples for label in sample.labels}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = (family.type, frozenset(labels - {"le"}))
    return found
