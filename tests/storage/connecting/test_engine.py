"""The connection pool: isolation and reuse of connections; what is tried again, and logged."""

import asyncio

import asyncpg
import pytest
from structlog.testing import capture_logs

from worker.storage.connecting import engine
from worker.storage.connecting.engine import Database, open_database
from worker.storage.connecting.errors import DatabaseUnavailable
from worker.storage.connecting.lock_holders import LockKept
from worker.storage.connecting.session import Session
from worker.telemetry.logs import Action
from worker.telemetry.process_counters import DATABASE_RECONNECTS


def reconnects() -> float:
    """How many lost connections this process has replaced."""
    (metric,) = DATABASE_RECONNECTS.collect()
    return metric.samples[0].value


async def test_transactions_are_read_committed_despite_the_default_of_the_role(
    database_url: str,
) -> None:
    set_default = (
        "ALTER ROLE CURRENT_USER IN DATABASE \"{}\" SET default_transaction_isolation = '{}'"
    )
    name = database_url.rpartition("/")[2]
    async with open_database(database_url) as database, database.session() as session:
        await session.driver.execute(set_default.format(name, "repeatable read"))
    async with open_database(database_url) as database, database.transaction() as session:
        isolation = await session.driver.fetchval("SHOW transaction_isolation")

    assert isolation == "read committed"


async def test_the_pool_reuses_a_connection(database: Database) -> None:
    async with database.session() as first:
        driver = first.driver
    async with database.session() as second:
        assert second.driver is driver


async def test_the_pool_replaces_a_closed_connection_and_counts_that(database: Database) -> None:
    before = reconnects()
    async with database.session() as ended:
        await ended.driver.close()
    async with database.session() as session:
        assert session.driver is not ended.driver
        assert await session.driver.fetchval("SELECT 1") == 1
    async with database.session():
        assert reconnects() == before + 1


async def test_the_pool_discards_a_connection_after_a_timeout(database: Database) -> None:
    before = reconnects()
    with pytest.raises(DatabaseUnavailable, match="no answer in time"):
        async with database.session() as interrupted:
            raise TimeoutError
    async with database.session() as session:
        assert session.driver is not interrupted.driver
    assert reconnects() == before + 1


async def test_first_connections_are_no_reconnects(database_url: str) -> None:
    before = reconnects()
    async with open_database(database_url) as database, database.session(), database.own_session():
        assert reconnects() == before


async def test_a_session_of_its_own_that_the_server_ended_is_replaced_and_counted(
    database: Database,
) -> None:
    before = reconnects()
    async with database.own_session() as ended:
        await ended.driver.close()
    async with database.own_session():
        assert reconnects() == before + 1


async def test_a_command_repeats_what_conflicted_with_another_transaction(
    database_url: str,
) -> None:
    attempts = []

    async def work(_: Session) -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise asyncpg.SerializationError("could not serialize access")
        return "stored"

    async with open_database(database_url) as database:
        assert await database.transact(work) == "stored"


async def test_a_command_does_not_wait_for_a_lock_for_ever(database_url: str) -> None:
    async def work(_: Session) -> None:
        raise asyncpg.LockNotAvailableError("canceling statement due to lock timeout")

    async with open_database(database_url) as database:
        with pytest.raises(LockKept, match="PostgreSQL does not say which"):
            await database.transact(work)


async def test_an_outage_that_lasts_is_logged_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "REMIND_SECONDS", 0)
    with capture_logs() as logs:
        async with open_database("postgresql://worker@127.0.0.1:1/none", waits=True) as database:
            waiting = asyncio.create_task(database.transact(_nothing))
            async with asyncio.timeout(90):
                while len(logs) < 3:
                    await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    assert {entry["event"] for entry in logs} == {Action.DATABASE_LOST}
    assert all("127.0.0.1:1" in entry["reason"] for entry in logs)


async def test_work_that_is_repeated_is_a_failure_although_other_work_succeeds(
    database: Database,
) -> None:
    has_room = asyncio.Event()

    async def store(_: Session) -> None:
        if not has_room.is_set():
            raise asyncpg.DiskFullError("could not extend file")

    with capture_logs() as logs:
        storing = asyncio.create_task(database.transact(store))
        async with asyncio.timeout(20):
            while database.failure is None:
                await asyncio.sleep(0.01)
        await database.transact(_nothing)
        assert isinstance(database.failure, asyncpg.DiskFullError)
        assert [entry["event"] for entry in logs] == [Action.DATABASE_LOST]
        has_room.set()
        await storing

    assert database.failure is None
    assert [entry["event"] for entry in logs] == [Action.DATABASE_LOST, Action.DATABASE_RECOVERED]


async def test_a_wait_for_a_lock_is_logged_as_such_and_not_as_an_outage(database_url: str) -> None:
    attempts = []

    async def work(_: Session) -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise asyncpg.LockNotAvailableError("canceling statement due to lock timeout")

    with capture_logs() as logs:
        async with open_database(database_url, waits=True) as database:
            await database.transact(work)

    assert logs == [
        {
            "event": Action.LOCK_AWAITED,
            "log_level": "warning",
            "reason": "canceling statement due to lock timeout",
        }
    ]


async def _nothing(_: Session) -> None:
    pass
