"""The connection pool: isolation, reuse of connections, and the errors of the driver."""

import asyncpg
import pytest

from worker.local import PrivateServers
from worker.storage.engine import Database, open_database


async def test_a_connection_error_is_the_exception_of_the_driver(
    servers: PrivateServers,
) -> None:
    url = servers.postgresql.url
    async with open_database(url.rpartition("/")[0] + "/nowhere") as database:
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            async with database.session():
                pass


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


async def test_the_pool_replaces_a_closed_connection(database: Database) -> None:
    async with database.session() as ended:
        await ended.driver.close()
    async with database.session() as session:
        assert session.driver is not ended.driver
        assert await session.driver.fetchval("SELECT 1") == 1


async def test_the_pool_discards_a_connection_after_a_timeout(database: Database) -> None:
    with pytest.raises(TimeoutError):
        async with database.session() as interrupted:
            raise TimeoutError
    async with database.session() as session:
        assert session.driver is not interrupted.driver
