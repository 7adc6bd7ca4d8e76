"""The tables that the peers need, in a database of their own."""

import asyncpg
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.ext.asyncio import create_async_engine

from tests.benchmarks.data.dataset import SITE, Dataset

METADATA = MetaData()
ENTITLEMENTS = Table(
    "entitlements",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("site_id", Text, primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("active", Integer, nullable=False),
    Column("pending", Integer, nullable=False),
)
PHONE_NUMBERS = Table(
    "phone_numbers",
    METADATA,
    Column("phone_number", Text, primary_key=True),
    Column("account_id", Text),
    Column("site_id", Text, nullable=False),
    Column("extension", Text),
    Column("status", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    postgresql_with={"fillfactor": 70},
)
LEDGER = Table(
    "ledger",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("command_id", Text, primary_key=True),
    Column("operation", Text, nullable=False),
    Column("phone_number", Text, nullable=False),
    Column("refusal", Text),
    Column("received_at", DateTime(timezone=True), nullable=False),
)
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("message_type", Text, nullable=False),
    Column("routing_key", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)


async def build(database_url: str, dataset: Dataset) -> None:
    """Creates the tables and inserts the numbers and accounts of the dataset."""
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    await engine.dispose()
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        for statement in _statements(dataset):
            await connection.execute(statement)
    finally:
        await connection.close()


def _statements(dataset: Dataset) -> list[str]:
    holder = f"'account-' || lpad((index % {dataset.accounts})::text, 6, '0')"
    return [
        f"""INSERT INTO entitlements (account_id, site_id, quantity, active, pending)
        SELECT {holder}, '{SITE}', 1000000, 0, 0
        FROM generate_series(0, {dataset.accounts - 1}) AS index""",
        f"""INSERT INTO phone_numbers
        SELECT '+44' || lpad(index::text, 10, '0'), {holder}, '{SITE}',
            lpad((index % 10000)::text, 4, '0'), 'RESERVED', 0
        FROM generate_series(0, {dataset.plain - 1}) AS index""",
        "VACUUM ANALYZE",
    ]
