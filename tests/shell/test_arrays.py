"""Lists are arrays for the driver, and nothing else is."""

import asyncpg
import pytest

from worker.shell.database.engine import Database


@pytest.mark.parametrize("given", [[], ["a", None, "b,c"], [["a", "b"], ["c", "d"]]])
async def test_a_list_comes_back_as_it_went(database: Database, given: list[object]) -> None:
    async with database.session() as session:
        assert await session.driver.fetchval("SELECT CAST($1 AS text[])", given) == given


async def test_what_else_could_be_gone_through_is_refused(database: Database) -> None:
    async with database.session() as session:
        with pytest.raises(asyncpg.DataError, match="a sized iterable container expected"):
            await session.driver.fetchval("SELECT CAST($1 AS text[])", {"a"})
