"""The HTTP endpoints, requested over a real socket."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial

import aiohttp
import pytest

from tests.support.workers import store
from worker.app.probes import probes_of, state_of
from worker.cluster.intake import Intake
from worker.storage.connecting.engine import Database, open_database
from worker.storage.intake import Pause
from worker.telemetry import http
from worker.telemetry.http import HttpUnavailableError, serve
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

LOOPBACK = "127.0.0.1"


class Worker:
    """The state of a worker that the probes read."""

    def __init__(
        self, *, connected: bool, leads: bool, dead_letter_problem: str | None = None
    ) -> None:
        self.connected = connected
        self.dead_letter_problem = dead_letter_problem
        self.leads = leads
        self.intake = Intake(Reporter(Metrics()))


async def _fine() -> None:
    """A probe that succeeds."""


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


async def test_healthz_is_ok_even_if_every_probe_fails(
    client: aiohttp.ClientSession,
) -> None:
    async with serve(LOOPBACK, 0, {"broker": _broken}, Metrics()) as port:
        assert await _get(client, port, "/healthz") == (200, "alive\n")


async def test_readyz_is_ok_if_every_probe_succeeds(client: aiohttp.ClientSession) -> None:
    probes = {"database": _fine, "broker": _fine}
    async with serve(LOOPBACK, 0, probes, Metrics(), state=lambda _: {"role": "standby"}) as port:
        status, text = await _get(client, port, "/readyz")

    assert status == 200
    assert json.loads(text) == {
        "ready": True,
        "role": "standby",
        "checks": {"database": {"ok": True}, "broker": {"ok": True}},
    }


async def test_readyz_names_the_problem_of_a_failed_probe(
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


async def test_readyz_reports_a_probe_that_hangs(
    client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "PROBE_TIMEOUT_SECONDS", 0.05)
    async with serve(LOOPBACK, 0, {"database": _hangs}, Metrics()) as port:
        status, text = await _get(client, port, "/readyz")

    assert status == 503
    assert "no answer within 0.05 seconds" in text


async def test_readyz_names_unreachable_servers_and_the_remedy(
    client: aiohttp.ClientSession,
) -> None:
    worker = Worker(connected=False, leads=True)
    async with (
        open_database(f"postgresql://worker:hunter2@{LOOPBACK}:1/nowhere") as database,
        serve(
            LOOPBACK, 0, probes_of(database, worker), Metrics(), state=partial(state_of, worker)
        ) as port,
    ):
        status, text = await _get(client, port, "/readyz")

    assert status == 503
    report = json.loads(text)
    checks = report["checks"]
    assert (report["role"], report["intake"]) == ("unknown", "unknown")
    assert "cannot be read" in checks["schema"]["problem"]
    assert "DATABASE_URL" in checks["database"]["problem"]
    assert "AMQP_URL" in checks["broker"]["problem"]
    assert "hunter2" not in text


async def test_standby_is_ready_if_the_schema_is_current(
    client: aiohttp.ClientSession, database: Database
) -> None:
    worker = Worker(connected=True, leads=False)
    probes = probes_of(database, worker)
    async with serve(LOOPBACK, 0, probes, Metrics(), state=partial(state_of, worker)) as port:
        status, text = await _get(client, port, "/readyz")

    assert status == 200
    assert (json.loads(text)["role"], json.loads(text)["intake"]) == ("standby", "open")


async def test_readyz_stays_ready_and_says_that_the_intake_is_paused(
    client: aiohttp.ClientSession,
) -> None:
    worker = Worker(connected=True, leads=True)
    worker.intake.observe(Pause(datetime(2026, 11, 1, tzinfo=UTC), "Ada", "maintenance"))
    async with serve(
        LOOPBACK, 0, {"broker": _fine}, Metrics(), state=partial(state_of, worker)
    ) as port:
        status, text = await _get(client, port, "/readyz")

    assert status == 200
    assert json.loads(text)["intake"] == "paused since 2026-11-01 00:00:00 UTC"
    assert "Ada" not in text


async def test_schema_probe_names_the_command_that_creates_a_missing_schema(
    database: Database,
) -> None:
    await store(database, "DROP TABLE activation_worker_version")

    problem = await probes_of(database, Worker(connected=True, leads=True))["schema"]()

    assert problem is not None
    assert "activation-worker migrate" in problem


async def test_metrics_endpoint_answers_in_the_text_format(client: aiohttp.ClientSession) -> None:
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
async def test_server_refuses_other_paths_and_methods(
    client: aiohttp.ClientSession, path: str, method: str, status: int
) -> None:
    async with (
        serve(LOOPBACK, 0, {}, Metrics()) as port,
        client.request(method, f"http://{LOOPBACK}:{port}{path}") as response,
    ):
        assert response.status == status


async def test_serve_names_the_setting_if_the_port_is_taken() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HttpUnavailableError, match="WORKER_HTTP_PORT"):
            async with serve(LOOPBACK, port, {}, Metrics()):
                pass


async def test_serve_frees_its_port() -> None:
    async with serve(LOOPBACK, 0, {}, Metrics()) as port:
        pass

    async with serve(LOOPBACK, port, {}, Metrics()) as again:
        assert again == port
