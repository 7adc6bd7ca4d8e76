"""Migrations bring an empty database up to date, once."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from worker.local import PrivateServers
from worker.storage.connecting.engine import Database, open_database
from worker.storage.deployment.migrate import migrate
from worker.storage.deployment.preflight import REVISION


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
