"""A broker that got its queues from the exported definitions, as a PBX team's broker does."""

import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import activation_contracts
import aiohttp
import pytest
from activation_contracts.topology.definitions import rabbitmq_definitions

from tests.support.command_line import Invoke
from tests.support.servers.virtual_hosts import Listing
from tests.support.workers import until_leading, working
from worker.broker.connecting.connection import connect
from worker.broker.topology import declare, declare_event_log
from worker.cli.exits import Exit
from worker.local import PrivateServers
from worker.settings import Settings
from worker.storage.connecting.engine import Database

EXPORTED = Path(activation_contracts.__file__).with_name("exported") / "rabbitmq-definitions.json"


@pytest.fixture
async def virtual_host(servers: PrivateServers) -> AsyncIterator[str]:
    """The name of an empty virtual host."""
    name = f"imported_{uuid4().hex}"
    await servers.rabbitmq.create_virtual_host(name)
    yield name
    await servers.rabbitmq.delete_virtual_host(name)


@pytest.fixture
def passable() -> Iterator[Path]:
    """A folder in which the account of the server may read, unlike in those of pytest."""
    with tempfile.TemporaryDirectory(prefix="activation-definitions-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def url_of(servers: PrivateServers, virtual_host: str) -> str:
    return servers.rabbitmq.url + quote(virtual_host, safe="")


async def state_of(servers: PrivateServers, virtual_host: str) -> str:
    async with Listing.opened(servers, virtual_host) as listing:
        return await listing.state()


async def declared_state(servers: PrivateServers) -> str:
    """What a virtual host holds in which a worker has declared everything."""
    name = f"declared_{uuid4().hex}"
    url = await servers.rabbitmq.create_virtual_host(name)
    async with await connect([url]) as connection:
        await declare(connection)
        await declare_event_log(connection, 7)
    state = await state_of(servers, name)
    await servers.rabbitmq.delete_virtual_host(name)
    return state


async def import_by_management(servers: PrivateServers, virtual_host: str) -> None:
    url = f"http://127.0.0.1:{servers.rabbitmq.ports.management}"
    headers = {
        "Authorization": aiohttp.encode_basic_auth("guest", "guest"),
        "Content-Type": "application/json",
    }
    path = f"/api/definitions/{quote(virtual_host, safe='')}"
    async with (
        aiohttp.ClientSession(headers=headers) as client,
        client.post(f"{url}{path}", data=EXPORTED.read_bytes()) as response,
    ):
        assert response.status < HTTPStatus.BAD_REQUEST, await response.text()


async def test_worker_finds_nothing_to_complain_about_after_an_import_by_the_management_api(
    servers: PrivateServers,
    virtual_host: str,
    invoke: Invoke,
    database: Database,
    settings: Settings,
) -> None:
    await import_by_management(servers, virtual_host)
    imported = await state_of(servers, virtual_host)
    url = url_of(servers, virtual_host)
    checked = await invoke("check", AMQP_URL=url, WORKER_EVENT_LOG_DAYS="7")
    there = settings.model_copy(update={"amqp_urls": (url,), "event_log_days": 7})
    async with working(database, there) as worker:
        await until_leading(worker)

    assert imported == await declared_state(servers)
    assert checked.exit_code == Exit.DONE, checked.output
    assert "FAILED" not in checked.output
    assert "warning" not in checked.output
    assert await state_of(servers, virtual_host) == imported


async def test_rabbitmqctl_imports_the_same(
    servers: PrivateServers, virtual_host: str, passable: Path
) -> None:
    file = passable / "definitions.json"
    file.write_text(json.dumps(rabbitmq_definitions(virtual_host)))
    file.chmod(0o644)
    await servers.rabbitmq.control("import_definitions", str(file))

    assert await state_of(servers, virtual_host) == await declared_state(servers)
    assert json.loads(EXPORTED.read_text(encoding="utf-8")) == rabbitmq_definitions()
