"""The health check of the image: it finds the endpoints wherever they listen."""

import asyncio
import json
import re
import socket
import sys
from pathlib import Path

import pytest

from worker.telemetry.health_check import check_health
from worker.telemetry.http import serve
from worker.telemetry.metrics import Metrics

REPOSITORY = Path(__file__).parents[2]


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",  # noqa: S104 -- for this test alone
        "127.0.0.1",
        "localhost",
        *(pytest.param(host, marks=needs_ipv6) for host in ("::", "[::]", "::1")),
    ],
)
async def test_health_check_asks_where_the_worker_listens(host: str) -> None:
    port = free_port()
    environment = {"WORKER_HTTP_HOST": host, "WORKER_HTTP_PORT": str(port)}
    listening = host.strip("[]") or "0.0.0.0"  # noqa: S104 -- as above
    async with serve(listening, port, {}, Metrics()):
        assert await asyncio.to_thread(check_health, environment) is None
    assert "does not answer" in str(await asyncio.to_thread(check_health, environment))


@needs_ipv6
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_any_ipv6_address_includes_ipv4(address: str) -> None:
    async with serve("::", 0, {}, Metrics()) as port:
        _, writer = await asyncio.open_connection(address, port)
        writer.close()


async def test_health_check_reads_the_port_from_a_file_and_no_other_setting(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "port").write_text(f"{port}\n", encoding="utf-8")
    environment = {
        "WORKER_HTTP_PORT_FILE": str(tmp_path / "port"),
        "WORKER_HTTP_PORT": "",
        "AMQP_URL": "nonsense",
        "WORKER_COLOUR": "blue",
    }
    async with serve("127.0.0.1", port, {}, Metrics()):
        assert await asyncio.to_thread(check_health, environment) is None


def test_health_check_explains_a_wrong_setting() -> None:
    assert "WORKER_HTTP_PORT: Input" in str(check_health({"WORKER_HTTP_PORT": "http"}))


async def test_the_image_runs_the_health_check() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert found is not None
    program, *arguments = json.loads(found[1])
    assert program == "python3"
    port = free_port()
    # A proxy must not be asked.
    environment = {"WORKER_HTTP_PORT": str(port), "http_proxy": "http://127.0.0.1:1"}
    async with serve("127.0.0.1", port, {}, Metrics()):
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=environment, cwd=REPOSITORY
        )
        assert await asyncio.wait_for(process.wait(), 30) == 0
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env=environment,
        cwd=REPOSITORY,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, b"does not answer" in errors) == (1, True)
