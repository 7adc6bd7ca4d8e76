"""The metrics as Prometheus reads them: their names, kinds and labels."""

from prometheus_client.parser import text_string_to_metric_families

from worker.telemetry.database_gauges import PREFIX, DatabaseFigures
from worker.telemetry.metrics import Metrics

__all__ = ["scraped"]


async def scraped() -> dict[str, tuple[str, frozenset[str]]]:
    """Kind and label names of each metric of the worker's own, by its name.

    Only a series shows the labels of its metric: a metric without a series is an error.
    """

    async def read_figures() -> DatabaseFigures:
        return DatabaseFigures(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    metrics = Metrics(read_figures)
    metrics.routed(partition=0, messages=1)
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for family in text_string_to_metric_families((await metrics.render()).decode()):
        if not family.name.startswith(PREFIX) or family.name.endswith("_created"):
            continue
        assert family.samples, f"{family.name} has no series: create one above"
        labels = {label for sample in family.samples for label in sample.labels}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = (family.type, frozenset(labels - {"le"}))
    return found
