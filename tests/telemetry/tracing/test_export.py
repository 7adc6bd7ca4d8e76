"""Traces leave for a collector, and a collector that is away holds nothing up."""

import io
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from activation_contracts.messages import Activate
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.data.builders import activate
from worker.local.ports import free_ports
from worker.settings import SettingsError
from worker.telemetry.logs import configure
from worker.telemetry.tracing import Tracing
from worker.telemetry.tracing.export import exported_tracing

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
SECRET = "hunter2"  # noqa: S105 -- what the tests look for


@pytest.fixture
async def collected(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """A collector; the names of the spans that it has received."""
    names: list[str] = []

    async def receive(request: web.Request) -> web.Response:
        exported = ExportTraceServiceRequest.FromString(await request.read())
        for resource in exported.resource_spans:
            for scope in resource.scope_spans:
                names.extend(span.name for span in scope.spans)
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{port}")
    yield names
    await runner.cleanup()


@pytest.fixture
def mute_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A collector that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{listener.getsockname()[1]}")
        yield


@pytest.fixture
def absent_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program listens where the collector should be."""
    (port,) = free_ports(1)
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{port}")


def trace(tracing: Tracing, message: Activate) -> None:
    queue = tracing.of_queue("commands")
    queue.batch([queue.receive(message)[1]]).committed()


async def test_a_worker_that_stops_has_exported_its_last_spans(collected: list[str]) -> None:
    async with exported_tracing(enabled=True) as tracing:
        trace(tracing, activate())

    assert sorted(collected) == ["commit", "decide", "process batch commands", "process commands"]


async def test_a_worker_without_tracing_exports_nothing(collected: list[str]) -> None:
    async with exported_tracing(enabled=False) as tracing:
        trace(tracing, activate())

    assert collected == []


@pytest.mark.usefixtures("mute_collector")
async def test_a_mute_collector_does_not_hold_up_a_stop() -> None:
    async with exported_tracing(enabled=True) as tracing:
        trace(tracing, activate())


@pytest.mark.usefixtures("absent_collector")
async def test_a_collector_that_is_away_is_logged_once_a_minute() -> None:
    log = io.StringIO()
    configure(log, format="json", level="info")
    async with exported_tracing(enabled=True) as tracing:
        # Two attempts at least, and the end without success: the exporter logs each.
        trace(tracing, activate())

    names = [json.loads(line)["logger"] for line in log.getvalue().splitlines()]
    assert len(names) == 1
    assert names[0].startswith("opentelemetry.exporter.")


async def test_tracing_without_its_libraries_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(SettingsError, match=r"install activation-worker\[tracing\]"):
        async with exported_tracing(enabled=True):
            pass


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (ENDPOINT, f"collector:4318/{SECRET}"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"ftp://user:{SECRET}@collector"),
        ("OTEL_EXPORTER_OTLP_HEADERS", f"Bearer {SECRET}"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", f"authorization=Bearer,{SECRET}"),
    ],
)
async def test_a_wrong_variable_is_named_and_its_value_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=f"{name}: expected ") as caught:
        async with exported_tracing(enabled=True):
            pass
    assert SECRET not in str(caught.value)
