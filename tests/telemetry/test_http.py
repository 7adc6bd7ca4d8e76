"""The HTTP endpoints, asked over a real socket."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.support.workers import store
from worker.app.probes import probes_of, role_of
from worker.storage.engine import Database, open_database
from worker.telemetry import http
from worker.telemetry.http import HttpUnavailableError, serve
from worker.telemetry.metrics import Metrics

LOOPBACK = "127.0.0.1"


class Worker:
    """A worker as the endpoints see it."""

    def __init__(self, *, linked: bool, leads: bool) -> None:
        self.linked = linked
        self.leads = leads


async def _fine() -> None:
    """Nothing to complain of."""


async def _broken() -> str:
    return "The broker is not connected."


async def _hangs() -> str:
    await asyncio.Event().wait()
    return "never"


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client that does not reuse connections."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def _get(client: aiohttp.ClientSession, port: int, path: str) -> tuple[int, str]:
    async with client.get(f"http://{LOOPBACK}:{port}{path}") as response:
        return response.status, await response.text()


async def test_the_worker_is_alive_even_where_nothing_else_works(
    client: aiohttp.ClientSession,
) -> None:
    async with serve(LOOPBACK, 0, {"broker": _broken}, Metrics()) as port:
        assert await _get(client, port, "/healthz") == (200, "alive\n")


async def test_it_is_ready_when_every_probe_is_fine(client: aiohttp.ClientSession) -> None:
    probes = {"database": _fine, "broker": _fine}
    async with serve(LOOPBACK, 0, probes, Metrics(), role=lambda: "standby") as port:
        status, text = await _get(client, port, "/readyz")

    assert status == 200
    assert json.loads(text) == {
        "ready": True,
        "role": "standby",
        "checks": {"database": {"ok": True}, "broker": {"ok": True}},
    }


async def test_it_is_not_ready_when_one_probe_complains_and_says_why(
    client: aiohttp.ClientSession,
) -> None:
    probes = {"database": _fine, "broker": _broken}
    async with serve(LOOPBACK, 0, probes, Metrics()) as port:
        status, text = await _get(client, port, "/readyz")

    assert status == 503
    assert json.loads(text)["ready"] is False
    assert json.loads(text)["checks"] == {
        "database": {"ok": True},
        "broker": {"ok": False, "problem": "The broker is not connected."},
    }


async def test_a_probe_that_hangs_is_an_answer_too(
    client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "PROBE_TIMEOUT_SECONDS", 0.05)
    async with serve(LOOPBACK, 0, {"database": _hangs}, Metrics()) as port:
        status, text = await _get(client, port, "/readyz")

    assert status == 503
    assert "no answer within 0.05 seconds" in text


async def test_servers_that_are_away_are_named_with_what_to_do(
    client: aiohttp.ClientSession,
) -> None:
    worker = Worker(linked=False, leads=False)
    async with (
        open_database(f"postgresql://worker:hunter2@{LOOPBACK}:1/nowhere") as database,
        serve(
            LOOPBACK, 0, probes_of(database, worker), Metrics(), role=lambda: role_of(worker)
        ) as port,
    ):
        status, text = await _get(client, port, "/readyz")

    assert status == 503
    checks = json.loads(text)["checks"]
    assert "DATABASE_URL" in checks["database"]["problem"]
    assert "AMQP_URL" in checks["broker"]["problem"]
    assert "hunter2" not in text


async def test_a_standby_on_a_current_schema_is_ready(
    client: aiohttp.ClientSession, database: Database
) -> None:
    worker = Worker(linked=True, leads=False)
    probes = probes_of(database, worker)
    async with serve(LOOPBACK, 0, probes, Metrics(), role=lambda: role_of(worker)) as port:
        status, text = await _get(client, port, "/readyz")

    assert status == 200
    assert json.loads(text)["role"] == "standby"


async def test_a_schema_that_was_never_made_is_named_with_what_to_do(
    database: Database,
) -> None:
    await store(database, "DROP TABLE alembic_version")

    problem = await probes_of(database, Worker(linked=True, leads=True))["schema"]()

    assert problem is not None
    assert "activation-worker migrate" in problem


async def test_the_metrics_are_in_the_text_format(client: aiohttp.ClientSession) -> None:
    async with (
        serve(LOOPBACK, 0, {}, Metrics()) as port,
        client.get(f"http://{LOOPBACK}:{port}/metrics") as response,
    ):
        assert response.status == 200
        assert response.content_type == "text/plain"
        assert "activation_worker_leader 0.0" in await response.text()


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "GET", 404), ("/readyz", "POST", 405)]
)
async def test_nothing_else_is_served(
    client: aiohttp.ClientSession, path: str, method: str, status: int
) -> None:
    async with (
        serve(LOOPBACK, 0, {}, Metrics()) as port,
        client.request(method, f"http://{LOOPBACK}:{port}{path}") as response,
    ):
        assert response.status == status


async def test_a_port_that_is_taken_is_an_error_that_says_what_to_do() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HttpUnavailableError, match="WORKER_HTTP_PORT"):
            async with serve(LOOPBACK, port, {}, Metrics()):
                pass


async def test_the_port_is_free_again_afterwards() -> None:
    async with serve(LOOPBACK, 0, {}, Metrics()) as port:
        pass

    async with serve(LOOPBACK, port, {}, Metrics()) as again:
        assert again == port
