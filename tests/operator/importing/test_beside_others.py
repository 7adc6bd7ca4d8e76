"""An import beside workers, other imports and changes of the partitions."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.support.data.records import (
    NUMBER,
    OTHER,
    imported,
    number,
    service,
)
from tests.support.platform import Platform
from tests.support.workers import rows, store, until_leading, working
from worker.core.directory.work import Applied
from worker.core.partitions import Layout, partition_of
from worker.operator.importing import applying
from worker.operator.importing.applying import Counts
from worker.operator.importing.import_records import ImportBusy
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.storage.connecting.session import Session
from worker.storage.directory.applying import apply_changes, join_directory_writers
from worker.storage.directory.staging import partitions_kept
from worker.storage.locks import IMPORT
from worker.storage.partitions import finish_repartition


async def test_second_import_at_the_same_time_is_refused(
    database: Database, database_url: str
) -> None:
    async with database.transaction() as session:
        await session.driver.execute("SELECT pg_advisory_xact_lock($1)", IMPORT)
        with pytest.raises(ImportBusy, match="when it has ended"):
            await imported(database_url, number())


async def test_import_works_while_a_worker_runs(
    database: Database, database_url: str, settings: Settings
) -> None:
    async with working(database, settings) as worker:
        await until_leading(worker)
        await imported(database_url, number())

        assert worker.leads
    assert await rows(database, "SELECT phone_number FROM phone_numbers") == [(NUMBER,)]


async def test_import_does_not_overwrite_a_command_that_commits_first(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number())
    async with database.transaction() as session:
        await session.driver.execute("UPDATE phone_numbers SET status = 'PENDING'")
        importing = asyncio.create_task(imported(database_url, number(label="Ann")))
        await until_a_session_waits(database)

    assert (await importing).counts == {"phone_number": Counts(waiting=1)}
    assert await rows(database, "SELECT status, label FROM phone_numbers") == [("PENDING", None)]


async def test_import_waits_for_a_directory_message_and_keeps_the_next_one_out(
    database: Database, database_url: str
) -> None:
    async with database.transaction() as session:
        await join_directory_writers(session)
        importing = asyncio.create_task(imported(database_url, number()))
        await until_a_session_waits(database)
        assert await rows(database, "SELECT 1 FROM phone_numbers") == []

    assert (await importing).counts == {"phone_number": Counts(new=1)}


UNLOCKED = "SELECT 1 FROM phone_numbers FOR UPDATE SKIP LOCKED"


async def test_command_for_a_number_of_an_import_is_late_and_not_refused(
    database: Database, database_url: str, settings: Settings, platform: Platform
) -> None:
    await imported(database_url, service(), number())
    async with working(database, settings) as worker:
        await until_leading(worker)
        async with database.transaction() as session:
            await session.driver.execute("SELECT FROM entitlement_usage FOR UPDATE")
            # The import has locked the number, and waits for its account.
            importing = asyncio.create_task(imported(database_url, number(label="Ann")))
            await until_a_session_waits(database)
            command = await platform.send("activate", NUMBER)
            await until_a_session_waits(database, sessions=2)
            assert await rows(database, UNLOCKED) == []
        assert (await importing).counts == {"phone_number": Counts(changed=1)}
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    assert await rows(database, "SELECT status, label FROM phone_numbers") == [("ACTIVE", "Ann")]


async def test_import_begins_again_after_a_conflict_with_another_transaction(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [asyncpg.DeadlockDetectedError("of this test")]

    async def conflicting(session: Session, *arguments: Any, **options: Any) -> Applied:
        applied = await apply_changes(session, *arguments, **options)
        if failures:
            raise failures.pop()
        return applied

    monkeypatch.setattr(applying, "apply_changes", conflicting)
    done = await imported(database_url, number(), number(OTHER))

    assert failures == []
    assert done.counts == {"phone_number": Counts(new=2)}
    assert len(await rows(database, "SELECT 1 FROM phone_numbers")) == 2


async def test_messages_of_an_import_go_to_the_partitions_of_their_accounts(
    database: Database, database_url: str
) -> None:
    await store(database, "UPDATE partitioning SET partitions = 8, routed = true")
    held = {NUMBER: "acme", OTHER: "bolt"}
    await imported(database_url, *(number(item, account_id=held[item]) for item in held))
    await imported(
        database_url, *(number(item, status="COOLDOWN", account_id=held[item]) for item in held)
    )

    assert await rows(database, "SELECT subject, partition FROM outbox ORDER BY subject") == [
        (item, partition_of(f"{account}/london", 8)) for item, account in held.items()
    ]


MESSAGE_OF_AN_IMPORT = f"""
INSERT INTO outbox (
    subject, holds_operation, message_id, message_type, exchange, routing_key, correlation_id,
    must_be_routed, body, decided_at, queued_at
) VALUES ('{NUMBER}', false, 'm', 't', 'e', 'k', 'c', false, '', now(), now())
"""


async def test_change_of_the_number_of_partitions_waits_for_an_import(database: Database) -> None:
    async def repartitioned() -> None:
        async with database.transaction() as session:
            await finish_repartition(session, Layout(2, routed=True))

    async with database.transaction() as session:
        assert await partitions_kept(session) == 1
        changing = asyncio.create_task(repartitioned())
        await until_a_session_waits(database)
        await session.driver.execute(MESSAGE_OF_AN_IMPORT)
    await changing

    partition = partition_of(NUMBER, 2)
    assert partition == 1
    assert await rows(database, "SELECT partition FROM outbox") == [(partition,)]


async def until_a_session_waits(database: Database, sessions: int = 1) -> None:
    """Waits until so many sessions of this database wait for a lock."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
    async with asyncio.timeout(90):
        while len(await rows(database, f"{query} AND wait_event_type = 'Lock'")) < sessions:
            await asyncio.sleep(0.02)
