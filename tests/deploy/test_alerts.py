"""Each alert fires when a real worker meets the fault that the alert is for."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.deploy.alert_faults import FAULTS, Fault, broker_is_away
from tests.support.data.inserts import (
    call_settings,
    hunt_group_member,
    phone_numbers,
    voice_service,
)
from tests.support.environments import Environment, environment
from tests.support.faults.lossy import broker_proxy, database_proxy
from tests.support.faults.proxy import Proxy
from tests.support.monitoring.monitored import World
from tests.support.monitoring.prometheus import JOB, RULES, scraping
from tests.support.platform import Platform
from tests.support.quick import parametrize_quick
from tests.support.workers import rows, store
from worker.local import PrivateServers
from worker.local.ports import free_ports
from worker.storage.connecting.engine import Database

__all__ = ["broker_proxy", "database_proxy", "environment"]

NUMBER = "+442079460001"
RUNBOOK = Path(__file__).parents[2] / "worker" / "docs" / "runbook"


@pytest.fixture
async def world(
    environment: Environment,
    servers: PrivateServers,
    database: Database,
    platform: Platform,
    database_proxy: Proxy,
    broker_proxy: Proxy,
    tmp_path: Path,
) -> AsyncIterator[World]:
    (port,) = free_ports(1)
    on_this_port = {**environment, "WORKER_HTTP_PORT": str(port)}
    async with scraping(port, tmp_path) as prometheus:
        yield World(
            on_this_port, servers, database, platform, database_proxy, broker_proxy, prometheus
        )


async def activated(world: World, number: str = NUMBER) -> None:
    """Activates the number; the worker must run."""
    command = await world.platform.send("activate", number)
    assert await world.platform.outcome(command) == ["PENDING", "ACTIVE"]


def test_every_alert_has_a_fault_that_makes_it_fire() -> None:
    alerts = re.findall(r"alert: ActivationWorker(\w+)", RULES.read_text(encoding="utf-8"))

    assert {*alerts} == {name for name, _, _ in FAULTS}


@parametrize_quick(
    "name, fault, labels",
    FAULTS,
    quick=1,
    ids=[f"{name}-{fault.__name__}" for name, fault, _ in FAULTS],
)
async def test_an_alert_fires_when_a_worker_meets_its_fault(
    world: World, name: str, fault: Fault, labels: dict[str, str]
) -> None:
    async with fault(world):
        alert = await world.prometheus.until_firing(f"ActivationWorker{name}", labels)

    annotations = alert["annotations"]
    assert annotations["summary"]
    assert "<no value>" not in annotations["summary"] + annotations["action"]
    assert (RUNBOOK / annotations["runbook_url"].rpartition("/")[2]).exists()


@pytest.mark.campaign
async def test_a_broker_that_is_away_leaves_one_alert(world: World) -> None:
    async with broker_is_away(world):
        await world.prometheus.until_firing("ActivationWorkerBrokerDown", {"job": JOB})
        await world.prometheus.until("sum by (job) (activation_worker_partitions_owned) == 0")
        await world.prometheus.until(
            'count(ALERTS{alertname=~".*(BrokerDown|Unserved)"}) == 1'
            ' and count(ALERTS{alertname=~".*BrokerDown", alertstate="firing"})'
        )


@pytest.mark.campaign
async def test_no_alert_fires_while_all_is_well(world: World) -> None:
    await store(
        world.database,
        voice_service(2),
        phone_numbers(NUMBER, extension="101"),
        phone_numbers("+442079460000", main_number=True, status="ACTIVE"),
        call_settings("+442079460000", hunt_group_id="reception"),
        hunt_group_member(NUMBER),
    )
    async with world.worker():
        await world.prometheus.until_well()
        for _ in range(3):
            await activated(world)
            command = await world.platform.send("deactivate", NUMBER)
            assert await world.platform.outcome(command) == ["PENDING", "RESERVED"]
            await asyncio.sleep(4)
        assert await rows(world.database, "SELECT 1 FROM outbox") == []
        firing = [alert["labels"] for alert in await world.prometheus.alerts()]
        served = await world.prometheus.query("sum(activation_worker_partitions_owned)")

    assert firing == []
    assert [series["value"][1] for series in served] == ["1"]
