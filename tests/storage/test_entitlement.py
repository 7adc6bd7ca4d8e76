"""Shortages are found, marked and put into the outbox in one transaction, each once."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.data.builders import ACME_LONDON
from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.faults.lossy import until_any
from tests.support.workers import rows, store
from worker.core.cause import Cause
from worker.core.entitlement import EntitlementChanged
from worker.core.partitions import partition_of
from worker.core.situation import Holder
from worker.storage.connecting.engine import Database
from worker.storage.connecting.session import Session
from worker.storage.entitlement import PAGE_ACCOUNTS, check_entitlements, watch_entitlements

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
CAUSE = Cause("/platform", "message-1", "story-1")
FLAGS = "SELECT account_id, exceeded FROM entitlement_usage ORDER BY account_id"
EVENTS = "SELECT routing_key, subject FROM outbox ORDER BY position"
EXCEEDED = "account.entitlement_exceeded"
RESTORED = "account.entitlement_restored"
TWO_ACTIVE = phone_numbers("+442079460001", "+442079460002", status="ACTIVE")
WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


async def checked(
    database: Database, *holders: Holder, cause: Cause = CAUSE, partitions: int = 1
) -> list[EntitlementChanged]:
    async def check(session: Session) -> list[EntitlementChanged]:
        return [
            *await check_entitlements(
                session, holders or (ACME_LONDON,), cause, partitions=partitions, now=NOW
            )
        ]

    return await database.transact(check)


async def test_a_shortage_and_its_end_are_stored_once_each(database: Database) -> None:
    await store(database, voice_service(1), TWO_ACTIVE)
    assert len(await checked(database)) == 1
    assert await checked(database, cause=CAUSE._replace(id="message-2")) == []
    assert await rows(database, FLAGS) == [("acme", True)]

    await store(database, "UPDATE voice_services SET quantity = 2")
    assert len(await checked(database, cause=CAUSE._replace(id="message-3"))) == 1
    assert await checked(database, cause=CAUSE._replace(id="message-4")) == []

    assert await rows(database, FLAGS) == [("acme", False)]
    assert await rows(database, EVENTS) == [(EXCEEDED, "acme/london"), (RESTORED, "acme/london")]


async def test_a_check_counts_only_services_in_force_today(database: Database) -> None:
    await store(
        database,
        voice_service(1, service_id="last day", ends_on=f"{NOW:%Y-%m-%d}"),
        voice_service(1, service_id="first day", starts_on=f"{NOW:%Y-%m-%d}"),
        voice_service(9, service_id="over", ends_on=f"{NOW - timedelta(days=1):%Y-%m-%d}"),
        voice_service(9, service_id="later", starts_on=f"{NOW + timedelta(days=1):%Y-%m-%d}"),
        TWO_ACTIVE,
    )
    assert await checked(database) == []
    await store(database, "DELETE FROM voice_services WHERE service_id = 'first day'")

    (exceeded,) = await checked(database)
    assert exceeded.data.entitlement.model_dump() == {"limit": 1, "active": 2, "pending": 0}


async def test_each_event_goes_to_the_partition_of_its_account(database: Database) -> None:
    accounts = [f"account-{place}" for place in range(30)]
    await store(
        database,
        *(
            phone_numbers(f"+4420794600{place:02}", account_id=account, status="ACTIVE")
            for place, account in enumerate(accounts)
        ),
    )
    holders = [Holder(account, "london") for account in accounts]
    await checked(database, *holders, partitions=4)

    found = await rows(database, "SELECT subject, partition FROM outbox")
    keys = [holder.partition_key for holder in holders]
    assert {*found} == {(key, partition_of(key, 4)) for key in keys}
    assert {partition for _, partition in found} == {0, 1, 2, 3}


async def test_an_unknown_account_has_no_shortage(database: Database) -> None:
    assert await checked(database, Holder("nobody", "nowhere")) == []


async def test_a_check_sees_what_was_stored_while_it_waited_for_its_lock(
    database: Database,
) -> None:
    await store(database, voice_service(1), TWO_ACTIVE)
    async with database.transaction() as session:
        assert await check_entitlements(session, [ACME_LONDON], CAUSE, partitions=1, now=NOW)
        waiting = asyncio.create_task(checked(database, cause=CAUSE._replace(id="message-2")))
        await until_any(database, WAITING)
        await session.driver.execute("UPDATE voice_services SET quantity = 2")

    (restored,) = await waiting
    assert restored.type == "telephony.account.entitlement_restored.v1"
    assert await rows(database, EVENTS) == [(EXCEEDED, "acme/london"), (RESTORED, "acme/london")]


async def test_a_check_that_is_rolled_back_leaves_neither_flag_nor_event(
    database: Database,
) -> None:
    await store(database, voice_service(1), TWO_ACTIVE)

    async def check_and_fail(session: Session) -> None:
        await check_entitlements(session, [ACME_LONDON], CAUSE, partitions=1, now=NOW)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.transact(check_and_fail)

    assert await rows(database, FLAGS) == [("acme", False)]
    assert await rows(database, EVENTS) == []


async def test_the_watch_finds_every_shortage_on_all_pages(database: Database) -> None:
    accounts = 2 * PAGE_ACCOUNTS + 3
    await store(
        database,
        f"""INSERT INTO voice_services
            SELECT 's-' || place, 'account-' || place, 'occupier', 'london', 1, NULL, '2026-11-29'
            FROM generate_series(1, {accounts}) AS place""",
        f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, status)
            SELECT '+4420' || 10000 + place, 'london', 'account-' || place, 'ACTIVE'
            FROM generate_series(1, {accounts}) AS place""",
    )
    moment = NOW
    seen: list[EntitlementChanged] = []
    watching = asyncio.create_task(watch_entitlements(database, lambda: moment, 1, seen.extend))
    try:
        await asyncio.sleep(1.5)
        assert seen == []
        moment = NOW + timedelta(hours=12)  # midnight
        async with asyncio.timeout(20):
            while len(seen) < accounts:
                await asyncio.sleep(0.05)
        moment += timedelta(days=1)
        await asyncio.sleep(1.5)
    finally:
        watching.cancel()

    assert len({change.id for change in seen}) == len(seen) == accounts
    stored = await rows(database, "SELECT convert_from(body, 'UTF8') FROM outbox")
    assert {json.loads(str(body))["id"] for (body,) in stored} == {change.id for change in seen}
    assert await rows(database, "SELECT count(*) FROM entitlement_usage WHERE exceeded") == [
        (accounts,)
    ]
