"""Settings of the server that end a start, and settings that an operator must know."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.environments import Environment, environment
from tests.support.installed_command import command
from tests.support.servers.postgresql import Administered
from tests.support.workers import store
from worker.cli.exits import Exit
from worker.local.postgresql import PrivatePostgreSQL
from worker.storage.connecting import connector
from worker.storage.connecting.engine import Database, open_database
from worker.storage.connecting.errors import DatabaseUnavailable
from worker.storage.deployment.durability import (
    NEWEST_TESTED_VERSION,
    OLDEST_VERSION,
    UnsafeServer,
    dangers_of,
    require_durable,
    require_version,
    risks_of,
)
from worker.storage.deployment.migrate import migrate
from worker.storage.deployment.preflight import require_fit

__all__ = ["environment"]

SAFE: Mapping[str, Any] = {
    "version": OLDEST_VERSION,
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "session_replication_role": "origin",
    "standby_names": "",
    "standbys": 0,
    "lost_slots": [],
    "idle_slots": [],
    "keeps_all_wal": True,
    "unlogged_tables": [],
    "tables_without_triggers": [],
    "may_import": True,
    "may_end_sessions": True,
}
"""What `find_durability` says of a server without dangers and risks."""
GHOST = {"standby_names": "ghost"}


@pytest.fixture
def passable() -> Iterator[Path]:
    """A folder in which the account of the server may read, unlike in those of pytest."""
    with tempfile.TemporaryDirectory(prefix="activation-worker-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@asynccontextmanager
async def changed(administered: Administered, setting: str, value: str) -> AsyncIterator[None]:
    """The server with this setting, which it reads while it runs."""
    connection = await asyncpg.connect(administered.url("postgres"))
    before = await connection.fetchval(f"SHOW {setting}")

    async def settle(statement: str, wanted: str) -> None:
        await connection.execute(statement)
        await connection.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(90):
            while await connection.fetchval(f"SHOW {setting}") != wanted:
                await asyncio.sleep(0.05)

    await settle(f"ALTER SYSTEM SET {setting} = '{value}'", value)
    try:
        yield
    finally:
        await settle(f"ALTER SYSTEM RESET {setting}", before)
        await connection.close()


async def risks_at(administered: Administered, account: str = "postgres") -> str:
    url = administered.url("postgres", account)
    async with open_database(url) as database, database.session() as session:
        return "\n".join(await require_durable(session))


async def test_a_server_with_the_default_settings_is_durable(database: Database) -> None:
    assert await database.transact(require_fit) == []
    assert [*dangers_of(SAFE), *risks_of(SAFE)] == []


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ({"fsync": "off"}, "Set fsync = on"),
        ({"synchronous_commit": "off"}, "Set it to on for this role"),
        ({"unlogged_tables": ["outbox"]}, "outbox. Run ALTER TABLE ... SET LOGGED"),
        ({"tables_without_triggers": ["phone_numbers"]}, "ENABLE TRIGGER ALL"),
        ({"session_replication_role": "replica"}, "Reset it for this role"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_danger_is_named_with_its_remedy(state: dict[str, Any], remedy: str) -> None:
    (sentence,) = dangers_of({**SAFE, **state})

    assert remedy in sentence
    assert [*risks_of({**SAFE, **state})] == []


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ({"version": NEWEST_TESTED_VERSION + 1}, "try it outside production first"),
        ({"full_page_writes": "off"}, "set full_page_writes = on"),
        ({**GHOST, "synchronous_commit": "local"}, "Set it to on for this role"),
        (GHOST, "Start the standby, or clear synchronous_standby_names"),
        ({"lost_slots": ["second"]}, "raise max_slot_wal_keep_size"),
        ({"idle_slots": ["old"]}, "drop the slot, or set max_slot_wal_keep_size"),
        ({"may_import": False}, "GRANT TEMPORARY ON DATABASE"),
        ({"may_end_sessions": False}, "GRANT EXECUTE ON FUNCTION pg_terminate_backend"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_risk_is_named_with_its_remedy_and_ends_no_start(
    state: dict[str, Any], remedy: str
) -> None:
    (sentence,) = risks_of({**SAFE, **state})

    assert remedy in sentence
    assert [*dangers_of({**SAFE, **state})] == []


@pytest.mark.parametrize(
    "state", [{**GHOST, "standbys": 1}, {"idle_slots": ["old"], "keeps_all_wal": False}]
)
def test_a_connected_standby_and_a_limited_slot_are_no_risk(state: dict[str, Any]) -> None:
    assert [*dangers_of({**SAFE, **state}), *risks_of({**SAFE, **state})] == []


def test_a_version_that_is_too_old_is_refused() -> None:
    require_version(OLDEST_VERSION)
    with pytest.raises(UnsafeServer, match="upgrade the server"):
        require_version(OLDEST_VERSION - 1)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("ALTER TABLE outbox SET UNLOGGED", "unlogged tables: outbox"),
        ("ALTER TABLE phone_numbers DISABLE TRIGGER USER", "disabled on phone_numbers"),
    ],
)
async def test_a_table_that_breaks_promises_ends_a_start(
    database: Database, statement: str, sentence: str
) -> None:
    await store(database, statement)
    with pytest.raises(UnsafeServer, match=sentence):
        await database.transact(require_fit)


async def test_commits_that_do_not_wait_for_the_disk_end_a_start(database_url: str) -> None:
    name = database_url.rpartition("/")[2]
    async with open_database(database_url) as database:
        await store(database, f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    async with open_database(database_url) as database:
        with pytest.raises(UnsafeServer, match="synchronous_commit is off"):
            await database.transact(require_fit)


@pytest.mark.parametrize("account", ["postgres", "activation"])
async def test_a_synchronous_standby_that_is_missing_is_a_risk(
    administered: Administered, account: str
) -> None:
    async with changed(administered, "synchronous_standby_names", "ghost"):
        found = await risks_at(administered, account)

    assert "No synchronous standby is connected (ghost)" in found


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


async def test_a_worker_never_ends_the_wait_of_a_commit_for_a_standby(
    administered: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "COMMAND_TIMEOUT_SECONDS", 0.5)
    async with administered.database() as name:
        url = administered.url(name)
        await administered.execute("CREATE TABLE commands (id int)", database=name)
        async with changed(administered, "synchronous_standby_names", "ghost"):
            async with open_database(url) as database:
                with pytest.raises(DatabaseUnavailable):
                    async with database.transaction() as session:
                        await session.driver.execute("INSERT INTO commands VALUES (1)")
            await asyncio.sleep(1)  # a cancel takes effect
            # The standby may still come: until then nobody sees the command as stored.
            async with open_database(url) as database, database.session() as session:
                assert await session.driver.fetchval("SELECT count(*) FROM commands") == 0
                assert await session.driver.fetchval(WAITING) == 1
        async with open_database(url) as database, database.session() as session:
            assert await session.driver.fetchval("SELECT count(*) FROM commands") == 1


async def test_a_replication_slot_without_a_reader_is_a_risk(administered: Administered) -> None:
    await administered.execute("SELECT pg_create_physical_replication_slot('left_over', true)")
    try:
        found = await risks_at(administered)
        async with changed(administered, "max_slot_wal_keep_size", "1GB"):
            limited = await risks_at(administered)
    finally:
        await administered.execute("SELECT pg_drop_replication_slot('left_over')")

    assert "keeps WAL without limit, until the disk is full: left_over" in found
    assert "left_over" not in limited


async def test_a_role_that_may_do_less_learns_what_it_cannot_do(
    administered: Administered,
) -> None:
    async with administered.database() as name, administered.role() as role:
        await administered.execute(
            f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC",
            "REVOKE EXECUTE ON FUNCTION pg_terminate_backend FROM PUBLIC",
            database=name,
        )
        url = administered.url(name, f"{role}:first")
        async with open_database(url) as database, database.session() as session:
            found = "\n".join(await require_durable(session))

    assert "may not create temporary tables" in found
    assert "may not end its own sessions" in found


async def test_check_and_run_refuse_a_server_that_can_lose_commits(
    environment: Environment, passable: Path
) -> None:
    async with PrivatePostgreSQL.started(passable / "data", {"fsync": "off"}) as server:
        url = await server.create_database("unsafe")
        async with open_database(url) as database:
            await migrate(database)
        own = {**environment, "DATABASE_URL": url}
        checked, findings = await command(own, "check")
        refused, sentence = await command(own, "run")

    assert (checked, refused) == (Exit.UNSAFE, Exit.UNSAFE)
    assert "FAILED  durability: fsync is off: a crash of the server could lose" in findings
    assert "ok      rights\n" in findings
    assert "Set fsync = on in postgresql.conf and reload it." in sentence
