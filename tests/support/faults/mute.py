"""Servers that go mute: short time limits, and the points at which a server stops to answer."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import count

import asyncpg
import pytest

from worker.broker.connecting import answers
from worker.operator.partitions import repartition
from worker.operator.preparing import servers
from worker.runtime import amqp_parameters, concurrency
from worker.storage.connecting import connector, engine

__all__ = ["Points", "each_range_of_points", "short_limits", "until_alone"]

LIMIT_SECONDS = 2.0
"""Longer than an answer takes on a busy machine."""

Points = Callable[[], Iterable[int]]
"""The numbers of units that a server sends before it goes mute."""


def some_points() -> Iterable[int]:
    """The opening of a connection, a later part of the exchange, and a point behind its end."""
    return (1, 36, 1_000_000)


def every_point() -> Iterable[int]:
    """1, 2, 3 ... until a run does not come so far."""
    return count(1)


each_range_of_points = pytest.mark.parametrize(
    "points",
    [
        pytest.param(some_points, id="some points"),
        pytest.param(every_point, id="every point", marks=pytest.mark.campaign),
    ],
)


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch, database_url: str, amqp_url: str) -> None:
    """Lets every wait for a server end after two seconds, once the servers are prepared."""
    assert database_url
    assert amqp_url
    for module, name in (
        (amqp_parameters, "TIMEOUT_SECONDS"),
        (answers, "ANSWER_TIMEOUT_SECONDS"),
        (answers, "CLOSE_TIMEOUT_SECONDS"),
        (concurrency, "ABANDON_SECONDS"),
        (engine, "CONNECT_TIMEOUT_SECONDS"),
        (engine, "POOL_TIMEOUT_SECONDS"),
        (connector, "CONNECT_TIMEOUT_SECONDS"),
        (connector, "COMMAND_TIMEOUT_SECONDS"),
        (engine, "CLOSE_TIMEOUT_SECONDS"),
        (repartition, "DELIVERY_SECONDS"),
        (repartition, "DRIVER_SECONDS"),
        (servers, "WATCH_SECONDS"),
    ):
        monkeypatch.setattr(module, name, LIMIT_SECONDS)


OTHERS = """SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""


async def until_alone(url: str) -> None:
    """Returns when PostgreSQL has ended the sessions, and released the locks, of ended commands."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        async with asyncio.timeout(60):
            while await connection.fetch(OTHERS):
                await asyncio.sleep(0.02)
    finally:
        await connection.close()
