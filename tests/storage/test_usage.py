"""PostgreSQL counts how many numbers an account uses at a site, for every writer."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from tests.support.faults.lossy import until_any
from tests.support.workers import rows
from worker.storage.connecting.engine import Database

USAGES = "SELECT account_id, active, pending FROM entitlement_usage ORDER BY account_id"
WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[Sequence[asyncpg.Connection]]:
    """Two connections that do not belong to a worker."""
    opened = [await asyncpg.connect(database_url.replace("+asyncpg", "")) for _ in range(2)]
    yield opened
    for connection in opened:
        await connection.close()


async def add(connection: asyncpg.Connection, *numbers: tuple[str, str, str]) -> None:
    """Inserts numbers, each with its account and status, in one statement."""
    await connection.execute(
        "INSERT INTO phone_numbers (phone_number, account_id, status, site_id)"
        " SELECT *, 'london' FROM unnest($1::text[], $2::text[], $3::text[])",
        *zip(*numbers, strict=True),
    )


async def test_one_insert_counts_for_known_and_new_accounts(
    database: Database, connections: Sequence[asyncpg.Connection]
) -> None:
    connection, _ = connections
    await add(connection, ("+440000001", "known", "ACTIVE"))

    await add(
        connection,
        ("+440000002", "known", "PENDING"),
        ("+440000003", "new", "ACTIVE"),
        ("+440000004", "newer", "PENDING"),
        ("+440000005", "new", "ACTIVE"),
        ("+440000006", "idle", "RESERVED"),
    )

    assert await rows(database, USAGES) == [("known", 1, 1), ("new", 2, 0), ("newer", 0, 1)]


async def test_an_update_without_net_effect_leaves_the_count(
    database: Database, connections: Sequence[asyncpg.Connection]
) -> None:
    connection, _ = connections
    await add(connection, ("+440000001", "acme", "ACTIVE"), ("+440000002", "acme", "RESERVED"))

    await connection.execute(
        "UPDATE phone_numbers SET status ="
        " CASE status WHEN 'ACTIVE' THEN 'RESERVED' ELSE 'ACTIVE' END"
    )

    assert await rows(database, USAGES) == [("acme", 1, 0)]


async def test_two_transactions_that_open_the_same_account_are_both_counted(
    database: Database, connections: Sequence[asyncpg.Connection]
) -> None:
    first, second = connections
    transaction = first.transaction()
    await transaction.start()
    await add(first, ("+440000001", "acme", "ACTIVE"))

    adding = asyncio.create_task(add(second, ("+440000002", "acme", "ACTIVE")))
    await until_any(database, WAITING)
    await transaction.commit()
    await adding

    assert await rows(database, USAGES) == [("acme", 2, 0)]


async def test_a_negative_count_is_an_error(
    database: Database, connections: Sequence[asyncpg.Connection]
) -> None:
    connection, _ = connections
    await add(connection, ("+440000001", "acme", "ACTIVE"))
    await connection.execute("UPDATE entitlement_usage SET active = 0")

    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("UPDATE phone_numbers SET status = 'RESERVED'")
    assert await rows(database, "SELECT status FROM phone_numbers") == [("ACTIVE",)]
