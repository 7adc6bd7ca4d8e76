"""A RabbitMQ cluster loses a node, and the worker continues with the other two."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.platform import platform_at
from tests.support.servers.cluster import Cluster, cluster_in
from tests.support.workers import rows, store, until_leading, working
from worker.broker.connecting.connection import connect
from worker.broker.topology import declare
from worker.settings import load
from worker.storage.connecting.engine import Database

pytestmark = pytest.mark.campaign

NUMBERS = tuple(f"+44207946{index:04}" for index in range(1, 41))

COMMAND_QUEUE = "telephony.phone_number.commands"


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="activation-cluster-") as name:
        # The servers run as another user, who must be able to traverse the folder.
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    async with cluster_in(folder) as started:
        async with await connect(started.urls) as connection:
            await declare(connection)
        yield started


@pytest.mark.parametrize("fault", ["killed", "isolated"])
async def test_worker_continues_with_the_other_nodes(
    database: Database, database_url: str, cluster: Cluster, fault: str
) -> None:
    await store(database, voice_service(100), phone_numbers(*NUMBERS))
    failing = await cluster.leader_of(COMMAND_QUEUE)
    others = [url for place, url in enumerate(cluster.urls) if place != failing]
    # The worker connects first to the node that fails, which leads the queue.
    urls = ",".join([cluster.urls[failing], *others])
    settings = load({"DATABASE_URL": database_url, "AMQP_URL": urls, "WORKER_HTTP_PORT": "0"})
    async with platform_at(others[0]) as platform, working(database, settings) as worker:
        await until_leading(worker)
        commands = [await platform.send("activate", number) for number in NUMBERS[:20]]
        if fault == "killed":
            await cluster.nodes[failing].kill()
        else:
            await cluster.isolate(failing)
        async with asyncio.timeout(60):
            while worker.connected:
                await asyncio.sleep(0.05)
            while not worker.leads:
                await asyncio.sleep(0.05)
        commands += [await platform.send("activate", number) for number in NUMBERS[20:]]
        outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(40, 0)]
