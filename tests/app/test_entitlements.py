"""A worker publishes shortages and their ends, with and without traffic; it changes no service."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.data.awaiting import awaiting
from tests.support.data.inserts import Expression, phone_numbers, voice_service
from tests.support.platform import Event, Platform
from tests.support.workers import rows, store, until_leading, working
from worker.app.run import supervisor
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

NUMBERS = ("+442079460001", "+442079460002", "+442079460003")
TODAY = Expression("(now() AT TIME ZONE 'UTC')::date")
TOMORROW = Expression("(now() AT TIME ZONE 'UTC')::date + 1")
IN_THREE_DAYS = Expression("(now() AT TIME ZONE 'UTC')::date + 3")
SERVICES = "SELECT xmin::text, voice_services.* FROM voice_services ORDER BY service_id"


class MovingClock:
    """The database's clock, ahead by as much as the test says."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return self._database.clock.now() + self.ahead


@asynccontextmanager
async def working_at(
    clock: MovingClock, database: Database, settings: Settings
) -> AsyncIterator[None]:
    """A worker that judges by this clock."""
    worker = supervisor(database, settings, Reporter(Metrics()), clock)
    task = asyncio.create_task(worker.run())
    try:
        await until_leading(worker)
        yield
    finally:
        worker.stop()
        await asyncio.wait_for(task, 30)


def shortages(platform: Platform) -> Sequence[tuple[str, str, dict[str, int]]]:
    """The kind, the subject and the arithmetic of each event about a shortage."""
    return [
        (event["type"].split("_")[-1].removesuffix(".v1"), event["subject"], entitlement(event))
        for event in platform.events
        if event["type"].startswith("telephony.account.")
    ]


def entitlement(event: Event) -> dict[str, int]:
    found: dict[str, int] = event["data"]["entitlement"]
    return found


async def test_a_service_that_ends_and_one_that_begins_by_date_are_published_without_traffic(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(
        database,
        voice_service(2, service_id="until today", ends_on=TODAY),
        voice_service(1, service_id="from the third day", starts_on=IN_THREE_DAYS),
        voice_service(1, service_id="for good"),
        phone_numbers(*NUMBERS[:2], status="ACTIVE"),
    )
    clock = MovingClock(database)
    async with working_at(clock, database, settings):
        await asyncio.sleep(2)
        assert shortages(platform) == []
        clock.ahead = timedelta(days=1)
        await platform.until(lambda: shortages(platform))
        clock.ahead = timedelta(days=2)
        await asyncio.sleep(2)
        assert len(shortages(platform)) == 1
        clock.ahead = timedelta(days=3)
        await platform.until(lambda: len(shortages(platform)) == 2)

    assert shortages(platform) == [
        ("exceeded", "acme/london", {"limit": 1, "active": 2, "pending": 0}),
        ("restored", "acme/london", {"limit": 2, "active": 2, "pending": 0}),
    ]


async def test_a_service_that_ended_while_no_worker_ran_is_published_at_the_next_start(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(
        database,
        voice_service(2, ends_on=TODAY),
        phone_numbers(*NUMBERS[:2], status="ACTIVE"),
    )
    clock = MovingClock(database)
    async with working_at(clock, database, settings):
        await asyncio.sleep(0.5)
    clock.ahead = timedelta(days=1)
    for _ in range(2):
        async with working_at(clock, database, settings):
            await platform.until(lambda: shortages(platform))
            await asyncio.sleep(1)

    assert [kind for kind, *_ in shortages(platform)] == ["exceeded"]


async def test_a_deactivation_ends_a_shortage_and_activations_are_refused_until_then(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(
        database,
        voice_service(1, account_kind="operator"),
        phone_numbers(*NUMBERS[:2], status="ACTIVE"),
        phone_numbers(NUMBERS[2]),
    )
    async with working(database, settings):
        await platform.until(lambda: shortages(platform))
        refused = await platform.send("activate", NUMBERS[2])
        assert await platform.outcome(refused) == ["ENTITLEMENT_EXHAUSTED"]
        first = await platform.send("deactivate", NUMBERS[0])
        assert await platform.outcome(first) == ["PENDING", "RESERVED"]
        await platform.until(lambda: len(shortages(platform)) == 2)
        second = await platform.send("deactivate", NUMBERS[1])
        assert await platform.outcome(second) == ["PENDING", "RESERVED"]
        activated = await platform.send("activate", NUMBERS[2])
        assert await platform.outcome(activated) == ["PENDING", "ACTIVE"]

    assert shortages(platform) == [
        ("exceeded", "acme/london", {"limit": 1, "active": 2, "pending": 0}),
        ("restored", "acme/london", {"limit": 1, "active": 1, "pending": 0}),
    ]
    (restored,) = [it for it in platform.events if it["type"].endswith("restored.v1")]
    assert restored["causationid"] == first
    assert await rows(database, "SELECT 1 FROM outbox UNION SELECT 1 FROM operations") == []


async def test_services_that_the_platform_takes_away_are_published_once_and_their_return_too(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, phone_numbers(*NUMBERS[:2], status="ACTIVE"), voice_service(2))
    service: dict[str, Any] = {
        "service_id": "service-acme",
        "account_id": "acme",
        "account_kind": "occupier",
        "site_id": "london",
    }
    async with working(database, settings):
        less = await platform.state("voice_service", 1, **service, quantity=1)
        await platform.until(lambda: shortages(platform))
        await platform.state("voice_service", 2, service_id="service-acme", deleted=True)
        more = await platform.state("voice_service", 3, **service, quantity=5)
        await platform.until(lambda: len(shortages(platform)) == 2)

    assert [kind for kind, *_ in shortages(platform)] == ["exceeded", "restored"]
    events = [it for it in platform.events if it["type"].startswith("telephony.account.")]
    assert [event["causationid"] for event in events] == [less, more]
    assert await rows(database, "SELECT exceeded FROM entitlement_usage") == [(False,)]


@pytest.mark.parametrize("account_kind", ["operator", "occupier"])
async def test_no_operation_writes_what_an_account_has_bought(
    database: Database, settings: Settings, platform: Platform, account_kind: str
) -> None:
    await store(
        database,
        voice_service(1, account_kind=account_kind),
        voice_service(1, account_kind=account_kind, service_id="later", starts_on=TOMORROW),
        phone_numbers(NUMBERS[0], main_number=True),
        phone_numbers(NUMBERS[1]),
    )
    before = await rows(database, SERVICES)
    async with working(database, awaiting(settings, "activation")):
        failed = await platform.send("activate", NUMBERS[0])
        await platform.until(lambda: platform.events)
        await platform.answer(platform.events[-1]["id"], "refused")
        await platform.until(lambda: platform.outcome_so_far(failed)[-1:] == ["RESERVED"])
        activated = await platform.send("activate", NUMBERS[0])
        await platform.until(lambda: platform.outcome_so_far(activated))
        await platform.answer(platform.events[-1]["id"], "done")
        assert await platform.outcome(activated) == ["PENDING", "ACTIVE"]
        refused = await platform.send("activate", NUMBERS[1])
        assert await platform.outcome(refused) == ["ENTITLEMENT_EXHAUSTED"]
        deactivated = await platform.send("deactivate", NUMBERS[0])
        assert await platform.outcome(deactivated) == ["PENDING", "RESERVED"]

    assert await rows(database, SERVICES) == before
