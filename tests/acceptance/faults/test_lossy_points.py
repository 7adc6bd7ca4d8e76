"""The network loses any request, or the reply to it: every command has the same effects."""

from collections import Counter
from collections.abc import Iterable
from itertools import count

import pytest
from activation_contracts.values import Step

from tests.support.data.sites import NUMBERS, reserved_number, site
from tests.support.faults.lossy import distinct_events, until_idle, working_through_proxies
from tests.support.faults.proxy import Proxy
from tests.support.faults.traps import Lost, Trap
from tests.support.pbx import answering
from tests.support.platform import Platform
from tests.support.workers import rows
from worker.settings import Settings
from worker.storage.connecting.engine import Database

__all__ = ["site"]

PUBLISHED = {
    "activate": {
        "status_changed PENDING": 1,
        "status_changed ACTIVE": 1,
        "membership ": 1,
        # The last word on the join.
        "aftermath ACTIVE": 1,
    },
    "deactivate": {
        "status_changed PENDING": 1,
        "membership ": 1,
        "reset ": 1,
        "status_changed RESERVED": 1,
    },
}

each_server = pytest.mark.parametrize("server", ["database", "broker"])
each_loss = pytest.mark.parametrize("lost", Lost)


@pytest.fixture
def proxy(server: str, database_proxy: Proxy, broker_proxy: Proxy) -> Proxy:
    """The proxy of this server."""
    return {"database": database_proxy, "broker": broker_proxy}[server]


@pytest.fixture
def waiting(lossy_settings: Settings) -> Settings:
    """Settings of a worker that awaits every step."""
    return lossy_settings.model_copy(update={"awaited_steps": frozenset(Step)})


async def activate_and_deactivate(platform: Platform, database: Database, point: int) -> None:
    """Activates and deactivates a number, with commands whose ids name the point."""
    for operation, end in (("activate", "ACTIVE"), ("deactivate", "RESERVED")):
        command = await platform.send(
            operation, reserved_number(point), id=f"point-{point}-{operation}"
        )
        assert await platform.outcome(command) == ["PENDING", end], point
        await until_idle(database)


async def lose_at_each(
    points: Iterable[int],
    lost: Lost,
    proxy: Proxy,
    settings: Settings,
    platform: Platform,
    database: Database,
) -> list[int]:
    """Runs a worker for each point and loses there what `lost` says; returns the points reached."""
    passed: list[int] = []
    async with answering(platform):
        for point in points:
            trap = proxy.set(Trap(lost, point))
            async with working_through_proxies(settings):
                await activate_and_deactivate(platform, database, point)
            if not trap.sprung.is_set():
                break
            passed.append(point)
    return passed


async def assert_complete(platform: Platform, database: Database, points: list[int]) -> None:
    """Asserts that every command has had all its effects, once."""
    published: dict[str, Counter[str]] = {}
    for event in distinct_events([*platform.events, *platform.pbx_messages]):
        words = "{} {}".format(event["type"].split(".")[-2], event["data"].get("status", ""))
        published.setdefault(event["data"]["command_id"], Counter())[words] += 1
    for point in points:
        for operation, expected in PUBLISHED.items():
            assert published[f"point-{point}-{operation}"] == expected, point
    changed = "SELECT count(*), min(sequence), max(sequence) FROM phone_numbers WHERE sequence > 0"
    assert await rows(database, changed) == [(len(published) // 2, 4, 4)]
    # Only the numbers that were ACTIVE before, and the main number.
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [
        (NUMBERS + 1, 0)
    ]
    assert await rows(database, "SELECT DISTINCT outcome FROM commands") == [("completed",)]


@each_server
@each_loss
@pytest.mark.usefixtures("site")
async def test_commands_complete_when_some_requests_or_replies_are_lost(
    proxy: Proxy, lost: Lost, waiting: Settings, platform: Platform, database: Database
) -> None:
    points = await lose_at_each(range(3, 500, 142), lost, proxy, waiting, platform, database)

    assert len(points) >= 2
    await assert_complete(platform, database, points)


@pytest.mark.campaign
@each_server
@each_loss
@pytest.mark.usefixtures("site")
async def test_commands_complete_when_any_request_or_reply_is_lost(
    proxy: Proxy, lost: Lost, waiting: Settings, platform: Platform, database: Database
) -> None:
    points = await lose_at_each(count(1), lost, proxy, waiting, platform, database)

    assert len(points) > 50
    print(f"{len(points)} points")  # noqa: T201 -- how far the enumeration came
    await assert_complete(platform, database, points)
