"""Prepares the servers: the schema of the database and the topology of the broker."""

from contracts.topology import EXCHANGES, QUEUES
from worker.broker.connection import connect
from worker.broker.topology import declare
from worker.settings import Settings
from worker.storage.engine import open_database
from worker.storage.migrate import migrate

__all__ = ["declare_topology", "migrate_database"]


async def migrate_database(settings: Settings) -> tuple[str | None, str | None]:
    """Migrates the schema to the current revision; returns the revisions before and after."""
    async with open_database(settings.database_url) as database:
        return await migrate(database)


async def declare_topology(settings: Settings) -> list[str]:
    """Creates or verifies the exchanges and queues; returns their names."""
    async with await connect(settings.amqp_urls) as connection:
        await declare(connection)
    return [*(item.name for item in EXCHANGES), *(item.name for item in QUEUES)]
