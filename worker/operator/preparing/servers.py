"""Prepares the servers: the schema of the database and the topology of the broker."""

import asyncio
import contextlib
from typing import Final, NamedTuple

import asyncpg
from activation_contracts.topology import EVENT_LOG, EXCHANGES, QUEUES, event_log

from worker.broker.connecting.connection import connect
from worker.broker.topology import declare, declare_event_log, missing_names
from worker.runtime.concurrency import first_of
from worker.settings import Settings
from worker.storage.connecting.engine import Database, open_database
from worker.storage.deployment.migrate import migrate

__all__ = ["Declared", "declare_topology", "migrate_database"]

WATCH_SECONDS: Final = 10


async def migrate_database(settings: Settings) -> tuple[str | None, str | None]:
    """Migrates the schema to the current revision; returns the revisions before and after.

    Raises what a query raises when the server does not answer any more.
    """
    async with open_database(settings.database_url) as database:
        migrating = asyncio.create_task(migrate(database))
        await first_of(migrating, _until_silent(database))
        return migrating.result()


async def _until_silent(database: Database) -> None:
    """Asks the server again and again: a statement of a migration may itself take hours."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        # A refusal is an answer too.
        with contextlib.suppress(asyncpg.PostgresError):
            async with database.session() as session:
                await session.driver.execute("SELECT 1")


class Declared(NamedTuple):
    """An exchange or a queue that exists now."""

    name: str
    created: bool
    """Whether it was missing before."""
    remark: str = ""


async def declare_topology(settings: Settings) -> list[Declared]:
    """Creates or verifies the exchanges and queues."""
    queues = (*QUEUES, *([event_log(settings.event_log_days)] if settings.event_log_days else ()))
    remarks = {}
    async with await connect(settings.amqp_urls) as connection:
        missing = await missing_names(connection, EXCHANGES, queues)
        await declare(connection)
        if settings.event_log_days:
            difference = await declare_event_log(connection, settings.event_log_days)
            remarks[EVENT_LOG] = difference or ""
    names = [item.name for item in (*EXCHANGES, *queues)]
    return [Declared(name, name in missing, remarks.get(name, "")) for name in names]
