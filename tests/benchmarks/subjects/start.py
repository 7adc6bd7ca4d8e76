"""Measures the time from the start of a worker process until it is ready.

It is compared with importing the dependencies and connecting to both servers. Dependencies that
`run` does not import are left out of the comparison.
"""

import asyncio
import http.client
import sys
import time
from functools import partial
from http import HTTPStatus
from statistics import median

from tests.benchmarks.data.dataset import Dataset, build
from tests.benchmarks.data.sizes import Size
from tests.benchmarks.reporting.figures import Figure
from tests.benchmarks.reporting.floors import START
from tests.benchmarks.running.bench import Bench, Endpoints
from tests.benchmarks.running.implementations import running, worker
from tests.benchmarks.running.processes import run_to_end
from worker.local.ports import LOOPBACK, free_ports

MILLISECONDS = 1000
POLL_SECONDS = 0.005
WITHIN_SECONDS = 60
TEMPLATE = "start"
SUBJECT = "start"
BARE = """
import asyncio, os
import aio_pika, aiohttp.web, asyncpg, click, prometheus_client, pydantic
import sqlalchemy.ext.asyncio, structlog, uvloop

async def connect():
    await asyncio.gather(
        aio_pika.connect(os.environ["AMQP_URL"]),
        asyncpg.connect(os.environ["DATABASE_URL"].replace("+asyncpg", "")),
    )

uvloop.run(connect())
"""


async def measure(bench: Bench, size: Size) -> list[Figure]:
    """Starts both in turn, several times."""
    await bench.template(TEMPLATE, partial(build, dataset=Dataset(100)))
    bare, ready = [], []
    async with bench.fresh_database(TEMPLATE) as endpoints:
        for _ in range(size.starts):
            bare.append(await _bare_seconds(endpoints))
            ready.append(await _ready_seconds(bench, endpoints))
    ratio = median(mine / least for mine, least in zip(ready, bare, strict=True))
    bench.log(f"start: {median(ready):.2f} s, bare {median(bare):.2f} s")
    return [
        Figure(SUBJECT, "imports and connections alone", median(bare) * MILLISECONDS, "ms"),
        Figure(SUBJECT, "worker, until ready", median(ready) * MILLISECONDS, "ms"),
        Figure(SUBJECT, "worker / imports and connections", ratio, "times", START),
    ]


async def _bare_seconds(endpoints: Endpoints) -> float:
    began = time.monotonic()
    await run_to_end((sys.executable, "-c", BARE), endpoints.environment)
    return time.monotonic() - began


async def _ready_seconds(bench: Bench, endpoints: Endpoints) -> float:
    (port,) = free_ports(1)
    environment = {**endpoints.environment, "WORKER_HTTP_PORT": str(port)}
    began = time.monotonic()
    async with running(worker(), environment, bench.folder / "worker.log"):
        async with asyncio.timeout(WITHIN_SECONDS):
            while not _is_ready(port):
                await asyncio.sleep(POLL_SECONDS)
        return time.monotonic() - began


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=WITHIN_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
