"""How long a worker takes from the start of its process until it is ready, and what it must take.

The least is what its dependencies take to be imported, and both servers to be connected to. Left
out are those that `run` does not need, since importing them would flatter the comparison.
"""

import asyncio
import http.client
import sys
import time
from functools import partial
from http import HTTPStatus
from statistics import median

from tests.benchmarks.contestants import running, worker
from tests.benchmarks.figures import Figure, at_most
from tests.benchmarks.processes import finished
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Place, Stage
from tests.benchmarks.worlds import World, build
from worker.local.ports import LOOPBACK, free_ports

TIMES = 1.5
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


async def measure(stage: Stage, size: Size) -> list[Figure]:
    """Both in turn, again and again."""
    await stage.template(TEMPLATE, partial(build, world=World(100)))
    bare, ready = [], []
    async with stage.place(TEMPLATE) as place:
        for _ in range(size.starts):
            bare.append(await _bare_seconds(place))
            ready.append(await _ready_seconds(stage, place))
    ratio = median(mine / least for mine, least in zip(ready, bare, strict=True))
    stage.tell(f"start: {median(ready):.2f} s, bare {median(bare):.2f} s")
    return [
        Figure(SUBJECT, "imports and connections alone", median(bare) * MILLISECONDS, "ms"),
        Figure(SUBJECT, "worker, until ready", median(ready) * MILLISECONDS, "ms"),
        Figure(SUBJECT, "worker / imports and connections", ratio, "times", at_most(TIMES)),
    ]


async def _bare_seconds(place: Place) -> float:
    began = time.monotonic()
    await finished((sys.executable, "-c", BARE), place.environment)
    return time.monotonic() - began


async def _ready_seconds(stage: Stage, place: Place) -> float:
    (port,) = free_ports(1)
    environment = {**place.environment, "WORKER_HTTP_PORT": str(port)}
    began = time.monotonic()
    async with running(worker(), environment, stage.folder / "worker.log"):
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
