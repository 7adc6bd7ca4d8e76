"""The dashboard: its structure by Grafana's own types, and its queries against a real worker."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.support.data.inserts import (
    call_settings,
    hunt_group_member,
    phone_numbers,
    voice_service,
)
from tests.support.environments import Environment, environment
from tests.support.installed_command import running
from tests.support.monitoring.prometheus import JOB, Prometheus, promtool, scraping
from tests.support.monitoring.promql import selectors, unknown_in
from tests.support.pbx import answering
from tests.support.platform import Platform
from tests.support.workers import store
from worker.local.ports import free_ports
from worker.storage.connecting.engine import Database

__all__ = ["environment"]

FILE = Path(__file__).parents[2] / "worker" / "deploy" / "grafana" / "dashboard.json"
SCHEMA = Path(__file__).with_name("grafana_dashboard.schema.json")
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
GRAPHS = [panel for panel in PANELS if panel["type"] != "row"]
SUBJECTS = (
    *("Overview", "Clicks", "Queues", "Outbox", "Operations and PBX steps", "Dead letters"),
    *("Database and broker", "Entitlement and directory", "Workers"),
)
UNITS = {"short", "s", "ops", "bytes", "percentunit"}
"""Of Grafana's units those that are used here: nothing else tells a wrong one."""
COLUMNS = 24
NUMBER, MAIN = "+442079460001", "+442079460000"


def queries() -> Iterator[tuple[str, str]]:
    """The title of each panel with each of its queries, as Grafana sends them."""
    for panel in GRAPHS:
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "1m").replace("$job", JOB)
            yield panel["title"], expression


def test_dashboard_obeys_the_types_of_grafana() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    errors = jsonschema_rs.Draft7Validator(schema).iter_errors(DASHBOARD)
    assert [f"{error.instance_path}: {error.message}" for error in errors] == []


def test_a_dashboard_with_a_wrong_field_is_refused() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    wrong = {**DASHBOARD, "panels": [{**GRAPHS[0], "gridPosition": GRAPHS[0]["gridPos"]}]}

    assert not jsonschema_rs.Draft7Validator(schema).is_valid(wrong)


def test_dashboard_has_a_row_for_each_subject() -> None:
    assert [panel["title"] for panel in PANELS if panel["type"] == "row"] == [*SUBJECTS]


def test_panels_are_told_apart_and_have_units_and_queries() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    for panel in GRAPHS:
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        references = [target["refId"] for target in panel["targets"]]
        assert len({*references}) == len(references) > 0


def test_panels_do_not_overlap() -> None:
    for panel in PANELS:
        place = panel["gridPos"]
        assert 0 <= place["x"] <= place["x"] + place["w"] <= COLUMNS
    for one, other in combinations((panel["gridPos"] for panel in PANELS), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or apart


def test_every_query_names_what_a_worker_exports_of_the_chosen_deployment() -> None:
    for title, expression in queries():
        assert unknown_in(expression) == [], title
        assert selectors(expression) or "ALERTS{" in expression, title
        for selector in selectors(expression):
            assert selector.matchers["job"] == ("=", JOB), title


def test_every_legend_names_labels_of_its_query() -> None:
    for panel in GRAPHS:
        for target in panel["targets"]:
            labels = {part.partition("}}")[0] for part in target["legendFormat"].split("{{")[1:]}
            assert all(label in target["expr"] or label == "instance" for label in labels)


async def test_promtool_parses_every_query(tmp_path: Path) -> None:
    rules = "".join(
        f"      - record: panel:{place}\n        expr: {json.dumps(expression)}\n"
        for place, (_, expression) in enumerate(queries())
    )
    file = tmp_path / "queries.yaml"
    file.write_text(f"groups:\n  - name: queries\n    rules:\n{rules}", encoding="utf-8")

    assert f"{len([*queries()])} rules found" in await promtool("check", "rules", str(file))


@pytest.fixture
async def busy(
    environment: Environment, database: Database, platform: Platform, tmp_path: Path
) -> AsyncIterator[Prometheus]:
    """A Prometheus that has scraped a worker which activated and deactivated a number."""
    (port,) = free_ports(1)
    await store(
        database,
        voice_service(3),
        phone_numbers(NUMBER, extension="101"),
        phone_numbers(MAIN, main_number=True, status="ACTIVE"),
        call_settings(MAIN, hunt_group_id="reception"),
        hunt_group_member(NUMBER),
    )
    awaiting = {"WORKER_HTTP_PORT": str(port), "WORKER_AWAITED_STEPS": "extension_reset"}
    async with (
        scraping(port, tmp_path) as prometheus,
        running({**environment, **awaiting}),
        answering(platform, "extension_reset"),
    ):
        await prometheus.until_well()
        for operation, end in (("activate", "ACTIVE"), ("deactivate", "RESERVED")):
            command = await platform.send(operation, NUMBER)
            assert await platform.outcome(command) == ["PENDING", end]
        await asyncio.sleep(2)
        yield prometheus


@pytest.mark.campaign
async def test_every_query_finds_the_series_of_a_real_worker(busy: Prometheus) -> None:
    empty = [title for title, expression in queries() if not await busy.query(expression)]

    assert empty == []
