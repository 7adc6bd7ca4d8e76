"""Failures of the database are the driver's own, wherever they come from."""

import asyncpg
import pytest

from worker.servers import PrivateServers
from worker.shell.database.engine import open_database


async def test_what_the_server_answers_to_a_connection_is_raised_as_the_driver_says_it(
    servers: PrivateServers,
) -> None:
    url = servers.postgresql.url
    async with open_database(url.rpartition("/")[0] + "/nowhere") as database:
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            async with database.session():
                pass
