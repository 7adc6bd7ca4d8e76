"""`partitions N` loses and reorders nothing when it is killed at any point."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import count

import asyncpg
import pytest
from activation_contracts.catalogue import COMMAND_QUEUE
from aio_pika.exceptions import AMQPError
from sqlalchemy.exc import DBAPIError
from typing_extensions import override

from tests.support.faults.proxy import Proxy
from tests.support.faults.traps import Lost, Trap
from tests.support.faults.wire import Request
from tests.support.partitions import (
    SOME,
    Waiting,
    change,
    command_of,
    existing,
    layout_of,
    put,
    routed,
    send_commands,
    taken,
    taken_by_number,
)
from tests.support.platform import Platform
from tests.support.quick import parametrize_quick
from tests.support.workers import store
from worker.broker.connecting.connection import BrokerUnavailable, connect
from worker.broker.partition_queues import (
    bind_partition_queues,
    queue_names_of,
)
from worker.broker.publishing.confirm_channel import NotPublished
from worker.core.partitions import Layout
from worker.operator.partitions import repartition as repartitioning
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.storage.connecting.errors import CONNECTION_FAILURES

KILLED = (
    asyncpg.PostgresError,
    AMQPError,
    BrokerUnavailable,
    NotPublished,
    DBAPIError,
    *CONNECTION_FAILURES,
)


class Kill(Trap):
    """Cuts all connections of a process at once before its nth request with an effect.

    For the servers that equals a kill. A process affects them only by its requests, so a cut before
    each request with an effect covers all points that differ.
    """

    EFFECTS = ("queue.", "exchange.", "basic.publish", "basic.ack", "COMMIT", "UPDATE")

    def __init__(self, nth: int, proxies: Sequence[Proxy]) -> None:
        super().__init__(Lost.REQUEST, nth)
        self._proxies = proxies

    @override
    def loses(self, request: Request) -> Lost | None:
        if not request.text.startswith(self.EFFECTS):
            return None
        lost = super().loses(request)
        if lost is not None:
            for proxy in self._proxies:
                proxy.refuse()
                proxy.cut()
        return lost


@asynccontextmanager
async def killed(point: int, proxies: Sequence[Proxy]) -> AsyncIterator[Kill]:
    """Kills the process behind the proxies at this point."""
    kill = Kill(point, proxies)
    for proxy in proxies:
        proxy.set(kill)
    yield kill
    for proxy in proxies:
        proxy.trap = None
        if kill.sprung.is_set():
            await proxy.accept()


SMALL = (1, 2, 3)


async def fill(platform: Platform, settings: Settings, layout: Layout) -> Waiting:
    """Puts three commands of each of six numbers into the queues of the layout; returns them."""
    async with await connect(settings.amqp_urls) as connection:
        await bind_partition_queues(connection, layout, command="")
    waiting = {number: [f"{number}-{place}" for place in SMALL] for number in SOME[:6]}
    for place in range(len(SMALL)):
        commands = [command_of(number, ids[place]) for number, ids in waiting.items()]
        await put(platform, layout, commands)
    return waiting


async def through_kills(
    points: Iterable[int],
    numbers: tuple[int, int, int],
    settings: Settings,
    far_away: Settings,
    proxies: Sequence[Proxy],
    platform: Platform,
    database: Database,
) -> int:
    """Kills a change at each point and repeats it; returns the number of points."""
    present, target, repeated = numbers
    passed = 0
    for point in points:
        await change(settings, present)
        # Also a single partition has a router: such a change takes the most steps.
        await store(database, "UPDATE partitioning SET routed = true")
        waiting = await fill(platform, settings, routed(present))
        (later,) = await send_commands(platform, "activate", [SOME[0]])
        async with killed(point, proxies) as kill:
            try:
                await change(far_away, target)
            except KILLED:
                assert kill.sprung.is_set()
        if not kill.sprung.is_set():
            await change(settings, repeated)
            break
        await change(settings, repeated)
        passed += 1
        in_queue = await taken_by_number(settings, queue_names_of(routed(repeated)))
        assert in_queue == waiting, point
        (in_command_queue,) = await taken(settings, COMMAND_QUEUE)
        assert json.loads(in_command_queue.body)["id"] == later, point
        expected = (repeated, True, None)
        assert await layout_of(database) == expected, point
        old = [name for n in {present, target} - {repeated} for name in queue_names_of(routed(n))]
        assert await existing(settings, old) == set(), point
    return passed


CHANGES = [(2, 3, 4), (2, 1, 1), (2, 3, 3), (2, 3, 2), (2, 1, 3), (1, 2, 2)]


@pytest.fixture
def proxies(database_proxy: Proxy, broker_proxy: Proxy) -> Sequence[Proxy]:
    return (database_proxy, broker_proxy)


@parametrize_quick("numbers", CHANGES, quick=1, ids=str)
async def test_change_killed_at_some_points_loses_and_reorders_nothing(
    numbers: tuple[int, int, int],
    settings: Settings,
    lossy_settings: Settings,
    proxies: Sequence[Proxy],
    platform: Platform,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repartitioning, "UNBIND_SECONDS", 0)
    monkeypatch.setattr(repartitioning, "RETRY_SECONDS", 0)
    first = 1 + CHANGES.index(numbers)
    points = await through_kills(
        range(first, 200, 29), numbers, settings, lossy_settings, proxies, platform, database
    )

    assert points >= 2


@pytest.mark.campaign
@pytest.mark.parametrize("numbers", CHANGES, ids=str)
async def test_change_killed_at_every_point_loses_and_reorders_nothing(
    numbers: tuple[int, int, int],
    settings: Settings,
    lossy_settings: Settings,
    proxies: Sequence[Proxy],
    platform: Platform,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repartitioning, "UNBIND_SECONDS", 0)
    monkeypatch.setattr(repartitioning, "RETRY_SECONDS", 0)
    points = await through_kills(
        count(1), numbers, settings, lossy_settings, proxies, platform, database
    )

    assert points > 20
    print(f"{points} points")  # noqa: T201 -- the figure that a campaign is run for
