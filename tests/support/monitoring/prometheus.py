"""A private Prometheus, and promtool: both are of Debian's package `prometheus`."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from worker.local.ports import free_ports

__all__ = ["JOB", "RULES", "Prometheus", "program", "promtool", "scraping"]

RULES = Path(__file__).parents[3] / "worker" / "deploy" / "prometheus" / "rules.yaml"
JOB = "activation-worker"
PATIENCE_SECONDS = 90
MOMENT = "250ms"
PASSING = {r"for: \d+m": "for: 1s", r"(stall_seconds\{[^}]*\}\s+\)) > 120": r"\1 > 5"}
"""Times in the rules that must pass without an event, and what a test takes instead of them."""
CONFIGURATION = """
global: {{scrape_interval: {moment}, evaluation_interval: {moment}}}
rule_files: [{rules}]
scrape_configs:
  - job_name: {job}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def program(name: str) -> str:
    """The path of the program. Skips the test if it is not installed; under CI it fails."""
    found = shutil.which(name)
    if found is None:
        assert not os.environ.get("CI"), f"{name} is not installed"
        pytest.skip(f"{name} is not installed")
    return found


async def promtool(*arguments: str) -> str:
    """The output of promtool, which must succeed."""
    process = await asyncio.create_subprocess_exec(
        program("promtool"),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert process.returncode == 0, output.decode()
    return output.decode()


class Prometheus:
    """A running Prometheus that evaluates the rules."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def alerts(self) -> Sequence[Mapping[str, Any]]:
        """The alerts that fire."""
        answer = await self._get("alerts")
        return [alert for alert in answer["alerts"] if alert["state"] == "firing"]

    async def until_firing(self, name: str, labels: Mapping[str, str]) -> Mapping[str, Any]:
        """Waits until this alert fires with these labels, and returns it."""
        wanted = {"alertname": name, **labels}.items()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for alert in await self.alerts():
                    if wanted <= alert["labels"].items():
                        return alert
                await asyncio.sleep(0.1)

    async def until(self, expression: str) -> None:
        """Waits until the expression leads to a series."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.query(expression):
                await asyncio.sleep(0.1)

    async def until_well(self) -> None:
        """Waits until it has scraped a worker that leads, and no alert fires."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.query("activation_worker_leader == 1") or await self.alerts():
                await asyncio.sleep(0.1)

    async def query(self, expression: str) -> Sequence[Mapping[str, Any]]:
        """The series to which the expression leads now."""
        answer = await self._get("query", query=expression)
        series: Sequence[Mapping[str, Any]] = answer["result"]
        return series

    async def _get(self, what: str, **parameters: str) -> Any:
        async with self._session.get(f"/api/v1/{what}", params=parameters) as response:
            answer = await response.json()
        assert answer["status"] == "success", answer
        return answer["data"]

    async def until_ready(self, process: asyncio.subprocess.Process) -> None:
        """Waits until it has read its configuration."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self._is_ready():
                assert process.returncode is None, "Prometheus has ended"
                await asyncio.sleep(0.05)

    async def _is_ready(self) -> bool:
        try:
            async with self._session.get("/-/ready") as response:
                return response.status == HTTPStatus.OK
        except aiohttp.ClientConnectionError:
            return False


@asynccontextmanager
async def scraping(port: int, folder: Path) -> AsyncIterator[Prometheus]:
    """A Prometheus that scrapes a worker at this port, and evaluates the rules in quick time."""
    rules = RULES.read_text(encoding="utf-8")
    for long, short in PASSING.items():
        rules = re.sub(long, short, rules)
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    configuration = folder / "prometheus.yaml"
    configuration.write_text(
        CONFIGURATION.format(moment=MOMENT, rules=folder / "rules.yaml", job=JOB, port=port)
    )
    (own_port,) = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        program("prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{own_port}",
        "--log.level=error",
    )
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{own_port}") as session:
            prometheus = Prometheus(session)
            await prometheus.until_ready(process)
            yield prometheus
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
