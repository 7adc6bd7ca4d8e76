"""SIGKILL at each crash point of the path: no command is lost, and none takes effect twice."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from signal import SIGKILL

import pytest

from tests.support.data.sites import NUMBERS, number_in_use, reserved_number, site
from tests.support.environments import Environment, environment
from tests.support.faults.crash_points import Span, crashing_worker
from tests.support.faults.lossy import distinct_events, until_idle
from tests.support.pbx import ALL_STEPS, answering
from tests.support.platform import Platform
from tests.support.workers import rows
from worker.storage.connecting.engine import Database

__all__ = ["environment", "site"]


FROM_COMMAND = Span("point-{}-", "")
FROM_RESULT = Span("answer-to-point-{}-", ALL_STEPS)
each_span = pytest.mark.parametrize(
    "span",
    [
        pytest.param(FROM_COMMAND, id="from the command"),
        pytest.param(FROM_RESULT, id="from the result"),
    ],
)


async def send_commands(platform: Platform, point: int) -> list[str]:
    """Sends an activation and a deactivation whose ids name the point."""
    return [
        await platform.send("activate", reserved_number(point), id=f"point-{point}-activate"),
        await platform.send("deactivate", number_in_use(point), id=f"point-{point}-deactivate"),
    ]


async def until_completed(platform: Platform, database: Database, commands: Iterable[str]) -> None:
    """Waits until every command has its outcome and the worker is idle."""
    for command in commands:
        await platform.outcome(command)
    await until_idle(database)


async def was_killed(
    process: asyncio.subprocess.Process,
    platform: Platform,
    database: Database,
    commands: list[str],
) -> bool:
    """Whether the worker is killed before it completes these commands."""
    ended = asyncio.create_task(process.wait())
    completed = asyncio.create_task(until_completed(platform, database, commands))
    await asyncio.wait((ended, completed), return_when=asyncio.FIRST_COMPLETED)
    completed.cancel()
    if not ended.done():
        # It may be killed at this very moment.
        with suppress(ProcessLookupError):
            process.terminate()
    return await ended == -SIGKILL


async def crash_at_each(
    points: Iterable[int],
    span: Span,
    platform: Platform,
    database: Database,
    environment: Environment,
) -> list[int]:
    """Kills a worker at each point; the next one recovers. Returns the points that were reached."""
    survived: list[int] = []
    killed: list[int] = []
    commands: list[str] = []
    for point in points:
        async with crashing_worker(point, span, environment) as worker:
            # The worker recovers first: its points are counted from its own commands only.
            await until_completed(platform, database, commands)
            commands = await send_commands(platform, point)
            is_killed = await was_killed(worker, platform, database, commands)
            (killed if is_killed else survived).append(point)
        # A worker may become idle between two heartbeats: one survivor is not yet the last point.
        if len(survived) == 3:
            break
    async with crashing_worker(0, span, environment):
        await until_completed(platform, database, commands)
    return killed + survived


async def assert_complete(
    platform: Platform, database: Database, points: list[int], span: Span
) -> None:
    """Asserts that every command has had all its effects, once."""
    published = distinct_events([*platform.events, *platform.pbx_messages])
    # The join follows ACTIVE; where its result is awaited, that has one last word.
    activated = [*(["aftermath ACTIVE"] if span.awaited_steps else []), *ACTIVATED]
    for point in points:
        messages = {
            operation: sorted(
                "{} {}".format(event["type"].split(".")[-2], event["data"].get("status", ""))
                for event in published
                if event["data"]["command_id"] == f"point-{point}-{operation}"
            )
            for operation in ("activate", "deactivate")
        }
        assert messages == {"activate": activated, "deactivate": DEACTIVATED}, point
    count_of = "SELECT count(*) FROM phone_numbers WHERE status"
    # As many numbers were activated as deactivated, and the main number is ACTIVE as before.
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


@pytest.mark.usefixtures("site")
async def test_commands_complete_when_a_worker_is_killed_at_some_points(
    environment: Environment, database: Database, platform: Platform
) -> None:
    span = FROM_COMMAND
    async with answering(platform, span.awaited_steps):
        points = await crash_at_each(range(1, 500, 150), span, platform, database, environment)

    assert len(points) >= 2
    await assert_complete(platform, database, points, span)


@pytest.mark.campaign
@each_span
@pytest.mark.usefixtures("site")
async def test_commands_complete_when_a_worker_is_killed_at_every_point(
    environment: Environment, database: Database, platform: Platform, span: Span
) -> None:
    async with answering(platform, span.awaited_steps):
        points = await crash_at_each(count(1), span, platform, database, environment)

    assert len(points) > 100
    print(f"{len(points)} points")  # noqa: T201 -- how far the enumeration came
    await assert_complete(platform, database, points, span)
