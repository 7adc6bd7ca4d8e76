"""Lose any request of a story, and then the answer to any: it ends as if nothing had been lost."""

from collections import Counter
from collections.abc import Iterable
from itertools import count

import pytest

from contracts.values import Step
from tests.acceptance.test_crash_points import NUMBERS, site
from tests.support.lossy import distinct_events, until_idle, working_through_proxies
from tests.support.pbx import answering
from tests.support.platform import Platform
from tests.support.proxy import Proxy
from tests.support.traps import Lost, Trap
from tests.support.workers import rows
from worker.settings import Settings
from worker.storage.engine import Database

__all__ = ["site"]

SAID = {
    "activate": {"status_changed PENDING": 1, "status_changed ACTIVE": 1, "membership ": 1},
    "deactivate": {
        "status_changed PENDING": 1,
        "membership ": 1,
        "reset ": 1,
        "status_changed RESERVED": 1,
    },
}

before_either = pytest.mark.parametrize("server", ["database", "broker"])
either_lost = pytest.mark.parametrize("lost", Lost)


@pytest.fixture
def proxy(server: str, database_proxy: Proxy, broker_proxy: Proxy) -> Proxy:
    """The one before this server."""
    return {"database": database_proxy, "broker": broker_proxy}[server]


@pytest.fixture
def waiting(lossy_settings: Settings) -> Settings:
    """A worker that waits for the PBX with everything."""
    return lossy_settings.model_copy(update={"awaited_steps": frozenset(Step)})


async def tell(platform: Platform, database: Database, point: int) -> None:
    """A number is activated and deactivated, with commands that bear the point's name."""
    for operation, end in (("activate", "ACTIVE"), ("deactivate", "RESERVED")):
        command = await platform.send(
            operation, f"+4420791{point:05d}", id=f"point-{point}-{operation}"
        )
        assert await platform.outcome(command) == ["PENDING", end], point
        await until_idle(database)


async def losing(
    points: Iterable[int],
    lost: Lost,
    proxy: Proxy,
    settings: Settings,
    platform: Platform,
    database: Database,
) -> list[int]:
    """The points at which something was lost, each in the whole life of a worker of its own."""
    passed: list[int] = []
    async with answering(platform):
        for point in points:
            trap = proxy.set(Trap(lost, point))
            async with working_through_proxies(settings):
                await tell(platform, database, point)
            if not trap.sprung.is_set():
                break
            passed.append(point)
    return passed


async def check(platform: Platform, database: Database, points: list[int]) -> None:
    """Every command has had its whole effect, once."""
    said: dict[str, Counter[str]] = {}
    for event in distinct_events([*platform.events, *platform.pbx_messages]):
        words = "{} {}".format(event["type"].split(".")[-2], event["data"].get("status", ""))
        said.setdefault(event["data"]["command_id"], Counter())[words] += 1
    for point in points:
        for operation, wanted in SAID.items():
            assert said[f"point-{point}-{operation}"] == wanted, point
    changed = "SELECT count(*), min(sequence), max(sequence) FROM phone_numbers WHERE sequence > 0"
    assert await rows(database, changed) == [(len(said) // 2, 4, 4)]
    # Those that were in use before, and nobody else.
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [
        (NUMBERS + 1, 0)
    ]
    assert await rows(database, "SELECT DISTINCT outcome FROM commands") == [("completed",)]


@before_either
@either_lost
@pytest.mark.usefixtures("site")
async def test_some_requests_of_a_story_and_their_answers_are_lost(
    proxy: Proxy, lost: Lost, waiting: Settings, platform: Platform, database: Database
) -> None:
    points = await losing(range(3, 500, 41), lost, proxy, waiting, platform, database)

    assert len(points) >= 2
    await check(platform, database, points)


@pytest.mark.campaign
@before_either
@either_lost
@pytest.mark.usefixtures("site")
async def test_every_request_of_a_story_and_its_answer_is_lost(
    proxy: Proxy, lost: Lost, waiting: Settings, platform: Platform, database: Database
) -> None:
    points = await losing(count(1), lost, proxy, waiting, platform, database)

    assert len(points) > 50
    print(f"{len(points)} points")  # noqa: T201 -- the figure that a campaign is run for
    await check(platform, database, points)
