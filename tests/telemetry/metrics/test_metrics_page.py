"""The page of the metrics, compared with what a running worker exports."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial

from activation_contracts.catalogue import COMMAND_QUEUE

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.monitoring.scraping import scraped
from tests.support.platform import Platform
from tests.support.workers import store, until_leading, working
from worker.docs.tables import DOCUMENTS
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.storage.gauges import measure
from worker.telemetry.metrics import Metrics

NUMBER = "+442079460001"
PAGE = (DOCUMENTS / "metrics.md").read_text(encoding="utf-8")
PREFIX = "activation_worker_"
OPEN_ENDED = {"site", "partition", "queue"}
"""Labels whose page ends with a description of what may come later."""


def metrics_of_the_page() -> dict[str, tuple[str, frozenset[str]]]:
    """Kind and labels of each metric on the page."""
    rows = re.findall(r"^\| `(activation_worker_\w+)` \| (\w+) \| ([^|]*) \|", PAGE, re.MULTILINE)
    assert len(rows) == len({name for name, _, _ in rows})
    return {
        name: (kind, frozenset(filter(None, labels.split(", ")))) for name, kind, labels in rows
    }


def values_of_the_page() -> dict[tuple[str, str], set[str]]:
    """The values on the page for each metric and label."""
    _, labels = PAGE.split("## Labels")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|", labels, re.MULTILINE)
    return {
        (PREFIX + name, label): {*re.findall(r"`([^`]+)`", values)}
        for label, names, values in rows
        for name in re.findall(r"`([^`]+)`", names)
    }


async def test_page_shows_what_a_running_worker_exports_and_nothing_else(
    database: Database, settings: Settings, platform: Platform
) -> None:
    metrics = Metrics(partial(measure, database))
    await store(database, voice_service(2), phone_numbers(NUMBER))
    async with working(database, settings, metrics=metrics) as worker:
        await until_leading(worker)
        assert await platform.outcome(await platform.send("activate", NUMBER)) == [
            "PENDING",
            "ACTIVE",
        ]
        exported = scraped((await metrics.render()).decode())

    page, values = metrics_of_the_page(), values_of_the_page()
    assert {name: metric.kind for name, metric in exported.items()} == {
        name: kind for name, (kind, _) in page.items()
    }
    assert values.keys() == {
        (name, label) for name, (_, labels) in page.items() for label in labels
    }
    for name, metric in exported.items():
        _, labels = page[name]
        # A metric without a series yet shows no labels.
        assert all({label for label, _ in series} == labels for series in metric.labels), name
        for label in labels - OPEN_ENDED:
            seen = {dict(series)[label] for series in metric.labels}
            assert seen == values[name, label], (name, label)


async def test_a_worker_measures_the_first_outcome_and_the_end_of_what_it_publishes(
    database: Database, settings: Settings, platform: Platform
) -> None:
    metrics = Metrics()
    await store(database, voice_service(2), phone_numbers(NUMBER))
    async with working(database, settings, metrics=metrics) as worker:
        await until_leading(worker)
        sent_at = (datetime.now(UTC) - timedelta(seconds=2)).isoformat()
        await platform.outcome(await platform.send("activate", NUMBER, time=sent_at))

    for outcome in ("first", "end"):
        labels = {"operation": "activate", "lane": "interactive", "outcome": outcome}
        name = "activation_worker_command_outcome_delay_seconds_count"
        assert metrics.registry.get_sample_value(name, labels) == 1


async def test_a_worker_counts_what_the_broker_delivers_again(
    database: Database, settings: Settings, platform: Platform
) -> None:
    metrics = Metrics()
    await store(database, voice_service(2), phone_numbers(NUMBER))
    command = await platform.send("activate", NUMBER)
    queue = await platform.channel.get_queue(COMMAND_QUEUE, ensure=False)
    async with queue.iterator() as deliveries:
        await (await anext(deliveries)).nack(requeue=True)
    async with working(database, settings, metrics=metrics):
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    name = "activation_worker_redelivered_messages_total"
    assert metrics.registry.get_sample_value(name, {"queue": COMMAND_QUEUE}) == 1
