"""Migrations bring an empty database up to date, once."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.support.workers import rows, store
from worker.local import PrivateServers
from worker.runtime.mistakes import Mistake
from worker.storage.connecting.engine import Database, open_database
from worker.storage.deployment.migrate import migrate
from worker.storage.deployment.preflight import REVISION, require_fit


@pytest.fixture
async def empty_database(servers: PrivateServers) -> AsyncIterator[Database]:
    name = f"empty_{uuid4().hex}"
    url = await servers.postgresql.create_database(name)
    async with open_database(url) as opened:
        yield opened
    await servers.postgresql.drop_database(name)


async def test_a_second_migration_finds_nothing_to_do(empty_database: Database) -> None:
    assert await migrate(empty_database) == (None, REVISION)
    assert await migrate(empty_database) == (REVISION, REVISION)


async def search(database: Database, search_path: str) -> None:
    """Makes new sessions of the database search these schemas."""
    ((name,),) = await rows(database, "SELECT current_database()")
    await store(database, f'ALTER DATABASE "{name}" SET search_path = {search_path}')
    await database.engine.dispose()


async def test_tables_that_the_role_does_not_find_are_not_made_again(
    empty_database: Database,
) -> None:
    await migrate(empty_database)
    await store(empty_database, "CREATE SCHEMA another")
    await search(empty_database, "another")
    sentence = r"in the schema public, which .* search_path is 'another'\. Run ALTER ROLE"
    with pytest.raises(Mistake, match=sentence):
        await empty_database.transact(require_fit)
    with pytest.raises(Mistake, match=sentence):
        await migrate(empty_database)


async def test_a_role_without_a_schema_is_told_so(empty_database: Database) -> None:
    await search(empty_database, "nowhere")
    with pytest.raises(Mistake, match="finds no schema for this role"):
        await migrate(empty_database)
