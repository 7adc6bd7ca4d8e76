import socket
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from worker.local import PrivatePostgreSQL, ServerUnavailable
from worker.local import folder as server_folder


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    found = await connection.fetchval(query)
    await connection.close()
    return found


async def note(url: str) -> None:
    await execute(url, "CREATE TABLE noted (word text)", "INSERT INTO noted VALUES ('kept')")


async def test_private_postgresql_is_durable(
    postgresql: PrivatePostgreSQL,
) -> None:
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert await value(postgresql.url, f"SHOW {setting}") == "on"


async def test_private_postgresql_refuses_superusers(postgresql: PrivatePostgreSQL) -> None:
    assert await value(postgresql.url, "SHOW is_superuser") == "off"
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await value(postgresql.url.replace("activation@", "postgres@"), "SELECT 1")


async def test_database_is_copied_from_its_template_and_can_be_dropped_while_in_use(
    postgresql: PrivatePostgreSQL,
) -> None:
    await note(await postgresql.create_database("template_of_tests"))
    clone = await postgresql.create_database("clone", template="template_of_tests")
    assert await value(clone, "SELECT word FROM noted") == "kept"

    connection = await asyncpg.connect(clone.replace("+asyncpg", ""))
    await postgresql.drop_database("clone")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.execute("SELECT 1")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await value(clone, "SELECT 1")


async def test_create_database_refuses_a_name_that_contains_sql(
    postgresql: PrivatePostgreSQL,
) -> None:
    with pytest.raises(ValueError, match="is not a database name"):
        await postgresql.create_database('x"; DROP DATABASE activation; --')


async def test_postgresql_keeps_committed_rows_and_its_port_after_restart_and_kill(
    postgresql: PrivatePostgreSQL,
) -> None:
    url = await postgresql.create_database("surviving")
    await note(url)

    await postgresql.restart()
    assert await value(url, "SELECT word FROM noted") == "kept"

    await postgresql.kill()
    with pytest.raises(ConnectionRefusedError):
        await value(url, "SELECT 1")
    await postgresql.start()
    assert await value(url, "SELECT word FROM noted") == "kept"


async def test_postgresql_starts_on_the_data_of_an_earlier_run(folder: Path) -> None:
    async with PrivatePostgreSQL.started(folder) as first:
        await note(first.url)
    async with PrivatePostgreSQL.started(folder) as second:
        assert await value(second.url, "SELECT word FROM noted") == "kept"


async def test_folder_admits_one_server_at_a_time(
    postgresql: PrivatePostgreSQL, lasting_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_folder, "CLAIM_DEADLINE_SECONDS", 0.1)
    with pytest.raises(ServerUnavailable, match=r"uses the folder .* choose another"):
        await PrivatePostgreSQL(lasting_folder).start()
    assert await value(postgresql.url, "SELECT 1") == 1


async def test_restart_fails_while_another_program_has_the_port(
    postgresql: PrivatePostgreSQL,
) -> None:
    await postgresql.stop()
    with (
        closing(socket.create_server(("127.0.0.1", postgresql.port))),
        pytest.raises(ServerUnavailable, match="Address already in use"),
    ):
        await postgresql.start()
    await postgresql.start()
    assert await value(postgresql.url, "SELECT 1") == 1


async def test_start_failure_shows_the_end_of_the_log(folder: Path) -> None:
    async with PrivatePostgreSQL.started(folder):
        pass
    (folder / "data" / "global" / "pg_control").unlink()
    with pytest.raises(ServerUnavailable, match="could not find the database system"):
        await PrivatePostgreSQL(folder).start()
