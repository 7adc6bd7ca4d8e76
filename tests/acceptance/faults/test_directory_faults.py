"""SIGKILL or a lost message at each point of the platform's records: each is applied once."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from itertools import count
from typing import Any

import pytest

from tests.support.data.inserts import operation, phone_numbers
from tests.support.data.sites import NUMBERS, number_in_use, reserved_number, site
from tests.support.environments import Environment, environment
from tests.support.faults.crash_points import Span, crashing_worker
from tests.support.faults.lossy import (
    distinct_events,
    until_any,
    until_idle,
    working_through_proxies,
)
from tests.support.faults.proxy import Proxy
from tests.support.faults.traps import Lost, Trap
from tests.support.platform import DEAD_LETTERS, Platform
from tests.support.workers import rows, store
from worker.settings import Settings
from worker.storage.connecting.engine import Database

__all__ = ["environment", "site"]

FROM_RECORDS = Span("point-{}-record-", "activation")
FROM_RESULT = Span("answer-to-point-{}-", "activation")
each_span = pytest.mark.parametrize(
    "span",
    [
        pytest.param(FROM_RECORDS, id="from the records"),
        pytest.param(FROM_RESULT, id="from the end of the operation for which they wait"),
    ],
)
each_server = pytest.mark.parametrize("server", ["database", "broker"])
each_loss = pytest.mark.parametrize("lost", Lost)


@pytest.fixture
def proxy(server: str, database_proxy: Proxy, broker_proxy: Proxy) -> Proxy:
    """The proxy of this server."""
    return {"database": database_proxy, "broker": broker_proxy}[server]


def outgoing_number(point: int) -> str:
    """A number that leaves its account with an outstanding aftermath."""
    return f"+4420793{point:05d}"


async def begin(point: int, platform: Platform, database: Database) -> str:
    """Begins an activation that the PBX does not answer yet; returns the id of its request."""
    number = outgoing_number(point)
    next_year = "now() + interval '1 year'"
    await store(
        database,
        phone_numbers(number, sequence=2),
        operation(number, command_id=f"point-{point}-failed", aftermath="compensation"),
        f"UPDATE operations SET at_risk_at = {next_year}, deadline = {next_year}"
        f" WHERE phone_number = '{number}'",
    )
    command = await platform.send("activate", reserved_number(point), id=f"point-{point}-activate")
    await platform.until(lambda: platform.outcome_so_far(command))
    return next(
        str(event["id"])
        for event in platform.events
        if event["data"].get("command_id") == command and event["data"]["status"] == "PENDING"
    )


async def state_records(point: int, platform: Platform) -> None:
    """Says something of each kind, of a PENDING number, an ACTIVE one, and one that leaves."""
    pending, active, outgoing = (
        reserved_number(point),
        number_in_use(point),
        outgoing_number(point),
    )
    label = f"label-{point}"
    messages: list[tuple[str, dict[str, Any]]] = [
        ("phone_number", {"phone_number": pending, "label": "overtaken"}),
        ("handset_login", {"phone_number": pending, "device_id": "desk", "device_kind": "digital"}),
        ("phone_number", {"phone_number": pending, "label": label, "status": "RESERVED"}),
        ("phone_number", {"phone_number": active, "label": label, "status": "ACTIVE"}),
        ("hunt_group_member", {"hunt_group_id": "sales", "phone_number": active}),
        ("phone_number", {"phone_number": outgoing, "account_id": None}),
        ("voice_service", {**SERVICE, "quantity": 10_000 + point}),
    ]
    for version, (kind, data) in enumerate(messages, 10 * point):
        await platform.state(kind, version, id=f"point-{point}-record-{version}", **data)
    version = 10 * point + len(messages)
    await platform.state(
        *("handset_login", version),
        id=f"point-{point}-record-{version}",
        deleted=True,
        phone_number=active,
        device_id="digital-1",
    )


SERVICE = {
    "service_id": "service-acme",
    "account_id": "acme",
    "account_kind": "occupier",
    "site_id": "london",
}


async def tell_the_story(point: int, platform: Platform, database: Database, request: str) -> None:
    """Records come while a number is PENDING; then the PBX answers, and the operation ends."""
    await state_records(point, platform)
    await end_the_story(point, platform, database, request)


async def end_the_story(point: int, platform: Platform, database: Database, request: str) -> None:
    await until_any(database, f"SELECT 1 FROM record_versions WHERE version = {10 * point + 7}")
    await platform.answer(request, "done", id=f"answer-to-point-{point}-activate")
    assert await platform.outcome(f"point-{point}-activate") == ["PENDING", "ACTIVE"]
    await until_idle(database)


async def crash_at_each(
    points: Iterable[int],
    span: Span,
    platform: Platform,
    database: Database,
    environment: Environment,
) -> dict[int, bool]:
    """Kills a worker at each point; the next one recovers. Returns whether each was killed."""
    killed: dict[int, bool] = {}
    ending: asyncio.Task[None] | None = None
    for point in points:
        async with crashing_worker(point, span, environment) as worker:
            if ending:
                await ending
            request = await begin(point, platform, database)
            await state_records(point, platform)
            ending = asyncio.create_task(end_the_story(point, platform, database, request))
            ended = asyncio.create_task(worker.wait())
            await asyncio.wait((ending, ended), return_when=asyncio.FIRST_COMPLETED)
            killed[point] = ended.done()
        # A worker may become idle between two heartbeats: one survivor is not yet the last point.
        if [*killed.values()].count(False) == 3:
            break
    if ending:
        async with crashing_worker(0, span, environment):
            await ending
    return killed


async def lose_at_each(
    points: Iterable[int],
    lost: Lost,
    proxy: Proxy,
    settings: Settings,
    platform: Platform,
    database: Database,
) -> list[int]:
    """Runs a worker for each point and loses there what `lost` says; returns the points reached."""
    reached: list[int] = []
    for point in points:
        async with working_through_proxies(settings):
            request = await begin(point, platform, database)
            trap = proxy.set(Trap(lost, point))
            await tell_the_story(point, platform, database, request)
        reached.append(point)
        if not trap.sprung.is_set():
            break
    return reached


async def assert_applied_once(platform: Platform, database: Database, points: list[int]) -> None:
    """Asserts that each point's records have had all their effects, once."""
    published: dict[str, Counter[str]] = {}
    for event in distinct_events([*platform.events, *platform.pbx_messages]):
        words = "{} {}".format(event["type"].split(".")[-2], event["data"].get("status", ""))
        published.setdefault(event["data"]["command_id"], Counter())[words] += 1
    expected = {}
    for point in points:
        expected[f"point-{point}-activate"] = Counter(
            ["status_changed PENDING", "status_changed ACTIVE", "membership "]
        )
        expected[f"point-{point}-record-{10 * point + 5}"] = Counter(["status_changed AVAILABLE"])
        expected[f"point-{point}-failed"] = Counter(["aftermath RESERVED"])
    assert published == expected
    assert await rows(
        database,
        "SELECT phone_number, status, sequence, account_id, label FROM phone_numbers"
        " WHERE sequence > 0 OR label LIKE 'label-%' ORDER BY 1",
    ) == sorted(
        row
        for point in points
        for row in (
            (reserved_number(point), "ACTIVE", 2, "acme", f"label-{point}"),
            (number_in_use(point), "ACTIVE", 0, "acme", f"label-{point}"),
            (outgoing_number(point), "AVAILABLE", 3, None, None),
        )
    )
    logins = "SELECT phone_number, count(*) FROM handset_logins GROUP BY 1 HAVING count(*) = 1"
    assert {*await rows(database, logins)} == {
        (number, 1) for point in points for number in (reserved_number(point), number_in_use(point))
    }
    members = "SELECT phone_number FROM hunt_group_members WHERE hunt_group_id = 'sales'"
    assert {*await rows(database, members)} == {(number_in_use(point),) for point in points}
    applied = "SELECT version FROM record_versions WHERE kind <> 'voice_service' ORDER BY 1"
    assert await rows(database, applied) == [
        (10 * point + place,) for point in sorted(points) for place in (1, 2, 3, 4, 5, 7)
    ]
    quantity = "SELECT quantity FROM voice_services"
    assert await rows(database, quantity) == [(10_000 + max(points),)]
    usage = "SELECT active, pending FROM entitlement_usage WHERE account_id = 'acme'"
    assert await rows(database, usage) == [(NUMBERS + 1 + len(points), 0)]
    for table in ("waiting_records", "operations", "outbox", "poison_attempts"):
        assert await rows(database, f"SELECT 1 FROM {table}") == [], table
    dead_letters = await platform.channel.get_queue(DEAD_LETTERS, ensure=False)
    assert await dead_letters.get(fail=False) is None


@pytest.mark.usefixtures("site")
@pytest.mark.campaign
async def test_records_are_applied_once_when_a_worker_is_killed_at_some_points(
    environment: Environment, database: Database, platform: Platform
) -> None:
    span = FROM_RESULT
    killed = await crash_at_each((2, 21), span, platform, database, environment)

    assert killed == {2: True, 21: True}
    await assert_applied_once(platform, database, [*killed])


@pytest.mark.campaign
@each_span
@pytest.mark.usefixtures("site")
async def test_records_are_applied_once_when_a_worker_is_killed_at_every_point(
    environment: Environment, database: Database, platform: Platform, span: Span
) -> None:
    killed = await crash_at_each(count(1), span, platform, database, environment)

    assert len(killed) > 20
    print(f"{len(killed)} points")  # noqa: T201 -- how far the enumeration came
    await assert_applied_once(platform, database, [*killed])


@pytest.fixture
def waiting(lossy_settings: Settings) -> Settings:
    """Settings of a worker whose activations await the PBX."""
    return lossy_settings.model_copy(update={"awaited_steps": frozenset({"activation"})})


@each_server
@each_loss
@pytest.mark.usefixtures("site")
async def test_records_are_applied_once_when_some_requests_or_replies_are_lost(
    proxy: Proxy, lost: Lost, waiting: Settings, platform: Platform, database: Database
) -> None:
    points = await lose_at_each((3, 16), lost, proxy, waiting, platform, database)

    assert len(points) >= 2
    await assert_applied_once(platform, database, points)


@pytest.mark.campaign
@each_server
@each_loss
@pytest.mark.usefixtures("site")
async def test_records_are_applied_once_when_any_request_or_reply_is_lost(
    proxy: Proxy, lost: Lost, waiting: Settings, platform: Platform, database: Database
) -> None:
    points = await lose_at_each(count(1), lost, proxy, waiting, platform, database)

    assert len(points) > 10
    print(f"{len(points)} points")  # noqa: T201 -- how far the enumeration came
    await assert_applied_once(platform, database, points)
