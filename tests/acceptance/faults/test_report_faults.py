"""SIGKILL or a lost message at each point of a report: every report is answered completely."""

import asyncio
from collections.abc import Iterable
from itertools import count

import pytest

from tests.support.data.inserts import many_numbers
from tests.support.environments import Environment, environment
from tests.support.faults.crash_points import Span, crashing_worker
from tests.support.faults.lossy import until_none, working_through_proxies
from tests.support.faults.proxy import Proxy
from tests.support.faults.traps import Lost, Trap
from tests.support.platform import DEAD_LETTERS, Platform
from tests.support.requester import Requester, complete_answer, numbers_of, requester
from tests.support.workers import rows, store
from worker.settings import Settings
from worker.storage.connecting.engine import Database

__all__ = ["environment"]

NUMBERS = 250
PATIENCE_SECONDS = 120
"""A worker starts after each kill."""
FROM_REPORT = Span("report-{}-", "")

each_server = pytest.mark.parametrize("server", ["database", "broker"])
each_loss = pytest.mark.parametrize("lost", Lost)


@pytest.fixture
async def asking(database: Database, platform: Platform) -> Requester:
    """A requester, and numbers that fill three pages."""
    await store(database, many_numbers(1, NUMBERS))
    return await requester(platform)


@pytest.fixture
def proxy(server: str, database_proxy: Proxy, broker_proxy: Proxy) -> Proxy:
    """The proxy of this server."""
    return {"database": database_proxy, "broker": broker_proxy}[server]


async def ask_at(point: int, asking: Requester) -> str:
    """Asks for all numbers, with an id that names the point."""
    return await asking.ask({"site_id": "london"}, id=f"report-{point}-all")


async def crash_at_each(
    points: Iterable[int], asking: Requester, environment: Environment, database: Database
) -> list[str]:
    """Kills a worker at each point of a report; the next one answers it. Returns the reports."""
    reports: list[str] = []
    survived = 0
    for point in points:
        async with crashing_worker(point, FROM_REPORT, environment) as worker:
            for report in reports[-1:]:
                await asking.answer(report, patience_seconds=PATIENCE_SECONDS)
            reports.append(await ask_at(point, asking))
            answered = asyncio.create_task(
                asking.answer(reports[-1], patience_seconds=PATIENCE_SECONDS)
            )
            ended = asyncio.create_task(worker.wait())
            await asyncio.wait((answered, ended), return_when=asyncio.FIRST_COMPLETED)
            # What follows the answer has points too.
            await asyncio.wait((ended,), timeout=1)
            survived += not ended.done()
            answered.cancel()
        if survived == 3:
            break
    async with crashing_worker(0, FROM_REPORT, environment):
        await asking.answer(reports[-1], patience_seconds=PATIENCE_SECONDS)
        await until_none(database, "SELECT 1 FROM poison_attempts")
    return reports


async def lose_at_each(
    points: Iterable[int], lost: Lost, proxy: Proxy, settings: Settings, asking: Requester
) -> list[str]:
    """Runs a worker for each point and loses there what `lost` says; returns the reports."""
    reports: list[str] = []
    for point in points:
        async with working_through_proxies(settings):
            trap = proxy.set(Trap(lost, point))
            report = await ask_at(point, asking)
            await asking.answer(report, patience_seconds=PATIENCE_SECONDS)
        if not trap.sprung.is_set():
            break
        reports.append(report)
    return reports


async def assert_answered(
    asking: Requester, platform: Platform, database: Database, reports: list[str]
) -> None:
    """Asserts that each answer is complete, and that nothing was left or dead-lettered."""
    for report in reports:
        pages = complete_answer(asking.received, report)
        assert len(set(numbers_of(pages))) == len(numbers_of(pages)) == NUMBERS, report
    dead_letters = await platform.channel.get_queue(DEAD_LETTERS, ensure=False)
    assert await dead_letters.get(fail=False) is None
    assert await rows(database, "SELECT 1 FROM poison_attempts") == []


@pytest.mark.campaign
async def test_reports_are_answered_when_a_worker_is_killed_at_some_points(
    asking: Requester, environment: Environment, platform: Platform, database: Database
) -> None:
    reports = await crash_at_each(range(1, 60, 26), asking, environment, database)

    assert len(reports) >= 2
    await assert_answered(asking, platform, database, reports)


@pytest.mark.campaign
async def test_reports_are_answered_when_a_worker_is_killed_at_every_point(
    asking: Requester, environment: Environment, platform: Platform, database: Database
) -> None:
    reports = await crash_at_each(count(1), asking, environment, database)

    assert len(reports) > 20
    print(f"{len(reports)} points")  # noqa: T201 -- how far the enumeration came
    await assert_answered(asking, platform, database, reports)


@each_server
@each_loss
async def test_reports_are_answered_when_some_requests_or_replies_are_lost(
    proxy: Proxy,
    lost: Lost,
    lossy_settings: Settings,
    asking: Requester,
    platform: Platform,
    database: Database,
) -> None:
    reports = await lose_at_each(range(1, 40, 18), lost, proxy, lossy_settings, asking)

    assert len(reports) >= 1
    await assert_answered(asking, platform, database, reports)


@pytest.mark.campaign
@each_server
@each_loss
async def test_reports_are_answered_when_any_request_or_reply_is_lost(
    proxy: Proxy,
    lost: Lost,
    lossy_settings: Settings,
    asking: Requester,
    platform: Platform,
    database: Database,
) -> None:
    reports = await lose_at_each(count(1), lost, proxy, lossy_settings, asking)

    assert len(reports) > 20
    print(f"{len(reports)} points")  # noqa: T201 -- how far the enumeration came
    await assert_answered(asking, platform, database, reports)
