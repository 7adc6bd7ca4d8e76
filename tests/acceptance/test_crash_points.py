"""SIGKILL between any two steps of the path: nothing is lost, and nothing is done twice."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from itertools import count
from signal import SIGKILL
from typing import NamedTuple

import pytest

from tests.support.environments import Environment, environment
from tests.support.pbx import ALL_STEPS, answering
from tests.support.platform import Event, Platform
from tests.support.workers import rows, store
from worker.storage.engine import Database

__all__ = ["environment"]

NUMBERS = 900
SITE = (
    """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 10000)""",
    """INSERT INTO phone_numbers (phone_number, site_id, account_id, status, main_number)
    VALUES ('+442079400000', 'london', 'acme', 'ACTIVE', true)""",
    """INSERT INTO call_settings
    VALUES ('+442079400000', 'reception', 'hunt_group', 'none', 'none')""",
    f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, extension, status)
    SELECT '+4420791' || to_char(place, 'FM00000'), 'london', 'acme', 'a', 'RESERVED'
    FROM generate_series(1, {NUMBERS}) AS place""",
    f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, extension, status, label)
    SELECT '+4420792' || to_char(place, 'FM00000'), 'london', 'acme', 'd', 'ACTIVE', 'Desk'
    FROM generate_series(1, {NUMBERS}) AS place""",
    """INSERT INTO hunt_group_members
    SELECT phone_number, 'reception' FROM phone_numbers WHERE extension = 'd'""",
    """INSERT INTO handset_logins SELECT phone_number, kind || '-1', kind
    FROM phone_numbers, unnest(ARRAY['digital', 'analogue']) AS kind WHERE extension = 'd'""",
)


class Way(NamedTuple):
    """A part of the path: from where on its points are counted, and which steps are awaited."""

    marker: str
    awaited_steps: str


FROM_THE_COMMAND = Way("point-{}-", "")
FROM_THE_RESULT = Way("answer-to-point-{}-", ALL_STEPS)
ways = pytest.mark.parametrize(
    "way",
    [
        pytest.param(FROM_THE_COMMAND, id="from the command"),
        pytest.param(FROM_THE_RESULT, id="from the result"),
    ],
)


@pytest.fixture
async def site(database: Database) -> None:
    """Numbers to activate, and numbers in full use to deactivate."""
    await store(database, *SITE)


@asynccontextmanager
async def dying_at(
    point: int, way: Way, environment: Environment
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker that is killed at this point of the way that the point's commands take."""
    marker = way.marker.format(point)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.crashing", str(point), marker, "run"),
        env={**environment, "WORKER_AWAITED_STEPS": way.awaited_steps},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ask(platform: Platform, point: int) -> list[str]:
    """An activation and a deactivation that bear the point's name."""
    return [
        await platform.send("activate", f"+4420791{point:05d}", id=f"point-{point}-activate"),
        await platform.send("deactivate", f"+4420792{point:05d}", id=f"point-{point}-deactivate"),
    ]


async def at_rest(platform: Platform, database: Database, commands: Iterable[str]) -> None:
    """Waits until every command has its last word, and nothing is left to be said or done."""
    for command in commands:
        await platform.outcome(command)
    async with asyncio.timeout(30):
        while await rows(database, "SELECT 1 FROM outbox UNION SELECT 1 FROM operations"):
            await asyncio.sleep(0.02)


async def dies(
    process: asyncio.subprocess.Process,
    platform: Platform,
    database: Database,
    commands: list[str],
) -> bool:
    """Whether the worker is killed before it comes to rest with these commands."""
    ended = asyncio.create_task(process.wait())
    resting = asyncio.create_task(at_rest(platform, database, commands))
    await asyncio.wait((ended, resting), return_when=asyncio.FIRST_COMPLETED)
    resting.cancel()
    if not ended.done():
        # It may be killed at this very moment.
        with suppress(ProcessLookupError):
            process.terminate()
    return await ended == -SIGKILL


async def killed_at(
    points: Iterable[int],
    way: Way,
    platform: Platform,
    database: Database,
    environment: Environment,
) -> list[int]:
    """The points at which a worker died, each worker recovering what the one before had left."""
    survived: list[int] = []
    died: list[int] = []
    asked: list[str] = []
    for point in points:
        async with dying_at(point, way, environment) as worker:
            # First it recovers: what it is asked next is all that the points are counted on.
            await at_rest(platform, database, asked)
            commands = await ask(platform, point)
            (died if await dies(worker, platform, database, commands) else survived).append(point)
        asked = commands
        # A worker may come to rest between two pings, so one survivor is not yet the last point.
        if len(survived) == 3:
            break
    async with dying_at(0, way, environment):
        await at_rest(platform, database, asked)
    return died + survived


async def check(platform: Platform, database: Database, points: list[int]) -> None:
    """Every command has had its whole effect, once."""
    heard: dict[str, Event] = {}
    for event in (*platform.events, *platform.pbx_messages):
        assert heard.setdefault(event["id"], event) == event, "one id, two contents"
    for point in points:
        said = {
            operation: sorted(
                "{} {}".format(event["type"].split(".")[-2], event["data"].get("status", ""))
                for event in heard.values()
                if event["data"]["command_id"] == f"point-{point}-{operation}"
            )
            for operation in ("activate", "deactivate")
        }
        assert said == {"activate": ACTIVATED, "deactivate": DEACTIVATED}, point
    count_of = "SELECT count(*) FROM phone_numbers WHERE status"
    # As many were activated as deactivated, and the main number is in use as before.
    active = NUMBERS + 1
    assert await rows(database, f"{count_of} = 'ACTIVE'") == [(active,)]
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(active, 0)]
    assert await rows(database, "SELECT DISTINCT outcome FROM commands") == [("completed",)]
    assert await rows(database, "SELECT 1 FROM outbox UNION SELECT 1 FROM operations") == []


ACTIVATED = ["membership ", "status_changed ACTIVE", "status_changed PENDING"]
DEACTIVATED = [
    "logout ",
    "manual_logout_required ",
    "membership ",
    "reset ",
    "status_changed PENDING",
    "status_changed RESERVED",
]


@ways
@pytest.mark.usefixtures("site")
async def test_a_worker_that_is_killed_at_some_points_of_the_path(
    environment: Environment, database: Database, platform: Platform, way: Way
) -> None:
    async with answering(platform, way.awaited_steps):
        points = await killed_at(range(1, 500, 60), way, platform, database, environment)

    assert len(points) >= 5
    await check(platform, database, points)


@pytest.mark.campaign
@ways
@pytest.mark.usefixtures("site")
async def test_a_worker_that_is_killed_at_every_point_of_the_path(
    environment: Environment, database: Database, platform: Platform, way: Way
) -> None:
    async with answering(platform, way.awaited_steps):
        points = await killed_at(count(1), way, platform, database, environment)

    assert len(points) > 100
    print(f"{len(points)} points")  # noqa: T201 -- the figure that a campaign is run for
    await check(platform, database, points)
