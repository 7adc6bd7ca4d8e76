"""Failures of the database are the driver's own, wherever they come from."""

import asyncpg
import pytest

from worker.local import PrivateServers
from worker.storage.engine import Database, open_database


async def test_what_the_server_answers_to_a_connection_is_raised_as_the_driver_says_it(
    servers: PrivateServers,
) -> None:
    url = servers.postgresql.url
    async with open_database(url.rpartition("/")[0] + "/nowhere") as database:
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            async with database.session():
                pass


async def test_every_statement_sees_what_was_stored_before_it_whatever_the_role_prefers(
    database_url: str,
) -> None:
    prefer = "ALTER ROLE CURRENT_USER IN DATABASE \"{}\" SET default_transaction_isolation = '{}'"
    name = database_url.rpartition("/")[2]
    async with open_database(database_url) as database, database.session() as session:
        await session.driver.execute(prefer.format(name, "repeatable read"))
    async with open_database(database_url) as database, database.transaction() as session:
        isolation = await session.driver.fetchval("SHOW transaction_isolation")

    assert isolation == "read committed"


async def test_a_connection_that_was_used_is_at_hand_for_the_next(database: Database) -> None:
    async with database.session() as first:
        driver = first.driver
    async with database.session() as second:
        assert second.driver is driver


async def test_one_that_has_ended_is_not_at_hand(database: Database) -> None:
    async with database.session() as ended:
        await ended.driver.close()
    async with database.session() as session:
        assert session.driver is not ended.driver
        assert await session.driver.fetchval("SELECT 1") == 1


async def test_one_of_which_nobody_knows_what_it_does_is_not_at_hand(database: Database) -> None:
    with pytest.raises(TimeoutError):
        async with database.session() as spoilt:
            raise TimeoutError
    async with database.session() as session:
        assert session.driver is not spoilt.driver
