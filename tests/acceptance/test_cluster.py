"""Three nodes: one dies or is cut off, and the worker goes on with the others."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, cluster_in
from tests.support.platform import platform_at
from tests.support.workers import rows, store, until_leading, working
from worker.broker.connection import connect
from worker.broker.topology import declare
from worker.settings import load
from worker.storage.engine import Database

pytestmark = pytest.mark.campaign

NUMBERS = tuple(f"+44207946{index:04}" for index in range(1, 41))
SITE = (
    """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 100)""",
    "INSERT INTO phone_numbers (phone_number, site_id, account_id, status) VALUES "
    + ", ".join(f"('{number}', 'london', 'acme', 'RESERVED')" for number in NUMBERS),
)
COMMAND_QUEUE = "telephony.phone_number.commands"


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="activation-cluster-") as name:
        # The servers' user must be able to pass through.
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    async with cluster_in(folder) as started:
        async with await connect(started.urls) as connection:
            await declare(connection)
        yield started


@pytest.mark.parametrize("fate", ["killed", "isolated"])
async def test_a_worker_goes_on_with_the_other_nodes(
    database: Database, database_url: str, cluster: Cluster, fate: str
) -> None:
    await store(database, *SITE)
    unlucky = await cluster.leader_of(COMMAND_QUEUE)
    lucky = [url for place, url in enumerate(cluster.urls) if place != unlucky]
    # The worker is connected to the node that is hit, which leads the queue.
    urls = ",".join([cluster.urls[unlucky], *lucky])
    settings = load({"DATABASE_URL": database_url, "AMQP_URL": urls, "WORKER_HTTP_PORT": "0"})
    async with platform_at(lucky[0]) as platform, working(database, settings) as worker:
        await until_leading(worker)
        commands = [await platform.send("activate", number) for number in NUMBERS[:20]]
        if fate == "killed":
            await cluster.nodes[unlucky].kill()
        else:
            await cluster.isolate(unlucky)
        async with asyncio.timeout(60):
            while worker.connected:
                await asyncio.sleep(0.05)
            while not worker.leads:
                await asyncio.sleep(0.05)
        commands += [await platform.send("activate", number) for number in NUMBERS[20:]]
        outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(40, 0)]
