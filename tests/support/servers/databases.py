"""Databases for tests. A test reuses the database of an earlier one, because a new one is slow.

Cloning a database takes a quarter of a second of processor time, which was a fifth of the time of
all tests. After each test the rows are deleted. A database whose tables, rights or settings a test
has changed, or that has grown, is dropped.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple, Self
from uuid import uuid4

import asyncpg

from worker.local import PrivateServers
from worker.storage.connecting.engine import open_database
from worker.storage.deployment.migrate import migrate

__all__ = ["Databases"]

TEMPLATE = "activation_template"
GROWN_BYTES = 1_000_000
LEAVES_SECONDS = 10
OTHERS = """SELECT pid FROM pg_stat_activity WHERE datname = current_database()
AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
SHAPE = """
SELECT md5(string_agg(item, E'\n' ORDER BY item)) FROM (
    SELECT concat_ws(' ', oid, relname, relowner, relacl, reloptions, relrowsecurity)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', attrelid, attname, atttypid, attnotnull, attacl, attisdropped)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', oid, xmin) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', oid, xmin) FROM pg_trigger
    UNION ALL
    SELECT concat_ws(' ', oid, xmin) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', oid, xmin) FROM pg_rewrite WHERE oid >= 16384
    UNION ALL
    SELECT concat_ws(' ', indexrelid, xmin) FROM pg_index WHERE indexrelid >= 16384
    UNION ALL
    SELECT concat_ws(' ', oid, nspname, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_'
    UNION ALL
    SELECT concat_ws(' ', datacl, datallowconn, datconnlimit)
    FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT concat_ws(' ', setrole, setconfig)
    FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
    WHERE datname = current_database()
) AS everything (item)
"""
"""A digest of everything in a database that tests may change, except rows.

A changed definition is a new version of its row in the catalogue, with another `xmin`; to print the
definitions took half the time of the digest.
"""
TABLES = """SELECT quote_ident(relname) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
ORDER BY relhastriggers DESC, relname"""
SEQUENCES = "SELECT quote_ident(sequencename) FROM pg_sequences WHERE schemaname = 'public'"


class Pristine(NamedTuple):
    """The state of a database after the migrations, and the statements that restore it."""

    shape: str
    size_bytes: int
    emptying: str
    filling: str


class Databases:
    """The databases of one test process, on its own server."""

    def __init__(self, servers: PrivateServers, pristine: Pristine) -> None:
        self._servers = servers
        self._pristine = pristine
        self._clean: list[tuple[str, str]] = []

    @classmethod
    async def of(cls, servers: PrivateServers) -> Self:
        """Migrates the template of which all others are clones."""
        url = await servers.postgresql.create_database(TEMPLATE)
        async with open_database(url) as database:
            await migrate(database)
        connection = await _connected(url)
        try:
            return cls(servers, await _pristine(connection))
        finally:
            await connection.close()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[str]:
        """The URL of a migrated database that no other test uses meanwhile."""
        name, url = self._clean.pop() if self._clean else await self._made()
        is_clean = False
        try:
            yield url
            is_clean = await self._is_clean_again(url)
        finally:
            if is_clean:
                self._clean.append((name, url))
            else:
                await self._servers.postgresql.drop_database(name)

    async def _made(self) -> tuple[str, str]:
        name = f"test_{uuid4().hex}"
        return name, await self._servers.postgresql.create_database(name, template=TEMPLATE)

    async def _is_clean_again(self, url: str) -> bool:
        try:
            connection = await _connected(url)
            try:
                await _end_other_sessions(connection)
                return await self._is_emptied(connection)
            finally:
                await connection.close()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            # A test may revoke the right to connect, or break a usage counter on purpose.
            return False

    async def _is_emptied(self, connection: asyncpg.Connection) -> bool:
        is_changed = await _shape(connection) != self._pristine.shape
        if is_changed or await _size_bytes(connection) > self._pristine.size_bytes + GROWN_BYTES:
            return False
        async with connection.transaction():
            await connection.execute(self._pristine.emptying)
            await connection.execute(self._pristine.filling)
        return True


async def _connected(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("+asyncpg", ""))


async def _end_other_sessions(connection: asyncpg.Connection) -> None:
    """Ends the sessions that a test has left: those of workers that it killed or froze."""
    async with asyncio.timeout(LEAVES_SECONDS):
        while others := await connection.fetch(OTHERS):
            for other in others:
                await connection.execute("SELECT pg_terminate_backend($1)", other["pid"])
            await asyncio.sleep(0.01)


async def _shape(connection: asyncpg.Connection) -> str:
    shape: str = await connection.fetchval(SHAPE)
    return shape


async def _size_bytes(connection: asyncpg.Connection) -> int:
    size: int = await connection.fetchval("SELECT pg_database_size(current_database())")
    return size


async def _pristine(connection: asyncpg.Connection) -> Pristine:
    tables = [row[0] for row in await connection.fetch(TABLES)]
    sequences = [row[0] for row in await connection.fetch(SEQUENCES)]
    # Triggers write into other tables: tables with triggers are emptied first.
    emptying = [f"DELETE FROM {table}" for table in tables]
    filling = [f"SELECT setval('{sequence}', 1, false)" for sequence in sequences]
    for table in tables:
        rows = await connection.fetchval(f"SELECT json_agg(row) FROM {table} AS row")
        if rows is not None:
            filling.append(
                f"INSERT INTO {table} OVERRIDING SYSTEM VALUE"
                f" SELECT * FROM json_populate_recordset(NULL::{table}, $json${rows}$json$)"
            )
    return Pristine(
        await _shape(connection),
        await _size_bytes(connection),
        ";\n".join(emptying),
        ";\n".join(filling),
    )
