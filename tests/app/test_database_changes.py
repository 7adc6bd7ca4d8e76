"""A running worker survives an administrator's changes to its database."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.platform import Platform
from tests.support.quick import parametrize_quick
from tests.support.servers.postgresql import Administered
from tests.support.workers import rows, store, until_leading, working
from worker.local.installations import postgresql_folder
from worker.settings import Settings
from worker.storage.connecting.engine import Database, open_database
from worker.storage.connecting.session import Session
from worker.storage.deployment.migrate import migrate

NUMBERS = tuple(f"+44207946{index:04}" for index in range(10))


@dataclass(frozen=True, slots=True)
class ChangingDatabase:
    """A database and the role that owns it; the worker connects with the last of `urls`."""

    administered: Administered
    name: str
    role: str
    urls: list[str] = field(default_factory=list)

    def url(self, password: str) -> str:
        """The database's URL with this password."""
        return self.administered.url(self.name, f"{self.role}:{password}")


@pytest.fixture
async def changing(administered: Administered) -> AsyncIterator[ChangingDatabase]:
    async with administered.role() as role, administered.database(f"OWNER {role}") as name:
        found = ChangingDatabase(administered, name, role)
        found.urls.append(found.url("first"))
        async with open_database(found.urls[0]) as database:
            await migrate(database)
        yield found


Change = Callable[[ChangingDatabase], tuple[Sequence[str], Sequence[str]]]
"""Returns the statements that lock the worker out, and those that let it in again."""


def rotate_password(database: ChangingDatabase) -> tuple[Sequence[str], Sequence[str]]:
    return [f"ALTER ROLE {database.role} PASSWORD 'second'"], []


def lock_role(database: ChangingDatabase) -> tuple[Sequence[str], Sequence[str]]:
    return [f"ALTER ROLE {database.role} NOLOGIN"], [f"ALTER ROLE {database.role} LOGIN"]


def rename_database(database: ChangingDatabase) -> tuple[Sequence[str], Sequence[str]]:
    return (
        [f"ALTER DATABASE {database.name} RENAME TO {database.name}_"],
        [f"ALTER DATABASE {database.name}_ RENAME TO {database.name}"],
    )


def revoke_connect(database: ChangingDatabase) -> tuple[Sequence[str], Sequence[str]]:
    return (
        [
            f"ALTER DATABASE {database.name} OWNER TO postgres",
            f"REVOKE CONNECT ON DATABASE {database.name} FROM PUBLIC",
        ],
        [f"GRANT CONNECT ON DATABASE {database.name} TO PUBLIC"],
    )


@parametrize_quick("change", [rotate_password, rename_database, lock_role, revoke_connect], quick=1)
async def test_worker_serves_again_after_a_lockout(
    changing: ChangingDatabase, settings: Settings, platform: Platform, change: Change
) -> None:
    keeping_out, letting_in = change(changing)
    administered = changing.administered
    async with open_database(lambda: changing.urls[-1], waits=True) as database:
        await store(database, voice_service(100), phone_numbers(*NUMBERS))
        assert await database.transact(_number_count) == len(NUMBERS)
        async with working(database, settings) as worker:
            await until_leading(worker)
            await _end_sessions(changing)
            await _until_applied(administered, keeping_out, changing)
            commands = [await platform.send("activate", number) for number in NUMBERS]
            await asyncio.sleep(3)
            assert platform.events == []
            changing.urls.append(changing.url("second" if change is rotate_password else "first"))
            await administered.execute(*letting_in)
            outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)


async def _until_applied(
    administered: Administered, statements: Sequence[str], changing: ChangingDatabase
) -> None:
    # A database in use cannot be renamed, and the worker connects again at once.
    async with asyncio.timeout(90):
        for statement in statements:
            while True:
                try:
                    await _end_sessions(changing)
                    await administered.execute(statement)
                except Exception:  # noqa: BLE001 -- the time limit ends it
                    await asyncio.sleep(0.01)
                else:
                    break
    await _end_sessions(changing)


async def _end_sessions(changing: ChangingDatabase) -> None:
    await changing.administered.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{changing.role}'"
    )


async def _number_count(session: Session) -> int:
    count: int = await session.driver.fetchval("SELECT count(*) FROM phone_numbers")
    return count


async def test_worker_continues_after_a_restore_of_its_database(
    database: Database,
    settings: Settings,
    platform: Platform,
    tmp_path: Path,
) -> None:
    await store(database, voice_service(100), phone_numbers(*NUMBERS))
    url, dump = settings.database_url.replace("+asyncpg", ""), str(tmp_path / "dump")
    async with working(database, settings) as worker:
        await until_leading(worker)
        first = await platform.send("activate", NUMBERS[0])
        assert await platform.outcome(first) == ["PENDING", "ACTIVE"]
        assert await _exit_code_of("pg_dump", "--format=custom", f"--file={dump}", url) == 0
        # It locks tables in another order than the worker: PostgreSQL may end it in a deadlock.
        async with asyncio.timeout(120):
            while await _exit_code_of(
                "pg_restore", "--clean", "--if-exists", f"--dbname={url}", dump
            ):
                pass
        last = await platform.send("deactivate", NUMBERS[0])
        assert await platform.outcome(last) == ["PENDING", "RESERVED"]


async def _exit_code_of(program: str, *arguments: str) -> int | None:
    path = postgresql_folder() / program
    process = await asyncio.create_subprocess_exec(
        str(path), *arguments, stderr=asyncio.subprocess.PIPE
    )
    await asyncio.wait_for(process.communicate(), 60)
    return process.returncode


RECREATE_TYPES = """
DO $$ DECLARE type text; BEGIN
    FOR type IN SELECT typname FROM pg_type WHERE typname LIKE '%_row' AND typtype = 'c'
        AND typrelid IN (SELECT oid FROM pg_class WHERE relkind = 'c')
    LOOP
        EXECUTE format('ALTER TYPE %I RENAME TO %I', type, type || '_old');
        EXECUTE format('CREATE TYPE %I AS (%s)', type, (
            SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', '
                ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = (
                SELECT typrelid FROM pg_type WHERE typname = type || '_old'
            )
        ));
        EXECUTE format('DROP TYPE %I', type || '_old');
    END LOOP;
END $$
"""


async def test_worker_continues_when_types_are_recreated(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(100), phone_numbers(*NUMBERS))
    async with working(database, settings) as worker:
        await until_leading(worker)
        first = await platform.send("activate", NUMBERS[0])
        assert await platform.outcome(first) == ["PENDING", "ACTIVE"]
        await store(database, RECREATE_TYPES)
        second = await platform.send("activate", NUMBERS[1])
        assert await platform.outcome(second) == ["PENDING", "ACTIVE"]

    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(2, 0)]
