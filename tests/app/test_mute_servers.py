"""A server answers a part of what a worker needs, and then nothing: the worker recovers."""

import asyncio

import pytest

from tests.support.faults.lossy import NUMBERS, SITE, until
from tests.support.faults.mute import Points, each_range_of_points, short_limits
from tests.support.faults.proxy import Proxy
from tests.support.platform import Platform
from tests.support.workers import store, working
from worker.settings import Settings
from worker.storage.connecting.engine import Database, open_database

__all__ = ["short_limits"]

each_server = pytest.mark.parametrize("server", ["database", "broker"])


@pytest.fixture
def proxy(server: str, database_proxy: Proxy, broker_proxy: Proxy) -> Proxy:
    """The proxy of this server."""
    return {"database": database_proxy, "broker": broker_proxy}[server]


@pytest.fixture
def hasty(lossy_settings: Settings) -> Settings:
    """Settings of a worker that soon notices a mute broker, also when it is idle."""
    (url,) = lossy_settings.amqp_urls
    return lossy_settings.model_copy(
        update={"amqp_urls": (f"{url}?heartbeat=2",), "publish_timeout_seconds": 1}
    )


async def recovers_from_mute(proxy: Proxy, platform: Platform, point: int) -> bool:
    """Whether the server goes mute before a command is done; the worker must then recover."""
    command = await platform.send("activate", NUMBERS[point % len(NUMBERS)], id=f"point-{point}")
    accepted = proxy.accepted
    outcome = asyncio.create_task(platform.outcome(command, patience_seconds=120))
    muted = asyncio.create_task(proxy.muted.wait())
    await asyncio.wait((outcome, muted), return_when=asyncio.FIRST_COMPLETED)
    muted.cancel()
    is_mute = not outcome.done()
    if is_mute:
        # It has noticed when it connects again.
        await until(lambda: proxy.accepted > accepted)
    proxy.unmute()
    await outcome
    return is_mute


@each_range_of_points
@each_server
@pytest.mark.usefixtures("short_limits")
async def test_worker_starts_when_a_mute_server_speaks_again(
    database: Database, hasty: Settings, platform: Platform, proxy: Proxy, points: Points
) -> None:
    await store(database, *SITE)
    recovered = []
    for point in points():
        proxy.mute_after(point)
        async with (
            open_database(hasty.database_url, waits=True) as far_away,
            working(far_away, hasty),
        ):
            if not await recovers_from_mute(proxy, platform, point):
                break
        recovered.append(point)

    assert len(recovered) >= 2


@each_range_of_points
@each_server
@pytest.mark.usefixtures("short_limits")
async def test_worker_reconnects_when_a_mute_server_speaks_again(
    database: Database, hasty: Settings, platform: Platform, proxy: Proxy, points: Points
) -> None:
    await store(database, *SITE)
    recovered = []
    async with open_database(hasty.database_url, waits=True) as far_away, working(far_away, hasty):
        await platform.outcome(await platform.send("activate", NUMBERS[0], id="first"))
        for point in points():
            proxy.mute_after(point)
            proxy.cut()
            if not await recovers_from_mute(proxy, platform, point):
                break
            recovered.append(point)

    assert len(recovered) >= 2
