"""A server that goes mute in the middle of a session: each wait for it ends."""

import asyncio

import pytest

from tests.support.faults.mute import short_limits
from tests.support.faults.proxy import proxied
from tests.support.faults.wire import PostgresProtocol
from worker.storage.connecting.engine import open_database
from worker.storage.queries import QUERIES

__all__ = ["short_limits"]

PATIENCE_SECONDS = 30
ANSWER_TO_PARSE_UNITS = 4
"""So that the next answer is that to the close of another statement, if the driver asks for it."""
DRIVERS_DEFAULT = 100
"""How many statements the driver keeps by default, before it closes the one used least recently."""


@pytest.mark.usefixtures("short_limits")
async def test_a_session_that_has_run_every_query_ends_its_wait_for_a_mute_server(
    database_url: str,
) -> None:
    assert len(QUERIES) > DRIVERS_DEFAULT
    async with (
        proxied(database_url, PostgresProtocol) as proxy,
        open_database(proxy.url) as database,
        database.own_session() as session,
    ):
        for number in range(len(QUERIES)):
            await session.driver.fetch(f"SELECT $1 + {number}", number)
        proxy.mute_after(ANSWER_TO_PARSE_UNITS)
        waiting = asyncio.ensure_future(session.driver.fetch("SELECT $1 + 1000", 1))
        ended, _ = await asyncio.wait([waiting], timeout=PATIENCE_SECONDS)
        assert ended == {waiting}
        assert isinstance(waiting.exception(), TimeoutError)
        assert proxy.muted.is_set()
