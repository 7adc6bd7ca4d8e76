"""The roles of a deployment may do their work and no more, and commands name a missing right."""

import asyncio
import re
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import asyncpg
import pytest

import worker
from tests.support.data.inserts import pbx_step
from tests.support.environments import WITHOUT_EVENT_LOG, Environment, unmeasured
from tests.support.installed_command import NUMBER, PLACE, command, imported, running
from tests.support.quick import parametrize_quick
from tests.support.servers.postgresql import Administered
from tests.support.workers import rows
from worker.storage.connecting.engine import open_database
from worker.storage.deployment.rights import TABLES

FOLDER = Path(worker.__file__).parent / "deploy" / "postgresql"
FORBIDDEN = (
    "CREATE TABLE stray (id int)",
    "ALTER TABLE outbox ADD COLUMN stray int",
    "ALTER TABLE phone_numbers DISABLE TRIGGER ALL",
    "DROP TABLE outbox",
    "TRUNCATE outbox",
    "CREATE FUNCTION stray() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "UPDATE activation_worker_version SET version_num = '0000'",
    "CREATE ROLE stray",
    "ALTER SYSTEM SET fsync = off",
    "COPY outbox TO PROGRAM 'true'",
)
"""What only the owner of the schema, or an administrator, may do."""


def script(name: str) -> str:
    """The text of this file of SQL."""
    return (FOLDER / name).read_text(encoding="utf-8")


class Roles(NamedTuple):
    """A database with the roles of a deployment, and the environment of each role."""

    administered: Administered
    database: str
    prefix: str
    owner: Environment
    worker: Environment
    reader: Environment

    async def execute(self, statement: str) -> None:
        """Executes statements as superuser."""
        await self.administered.execute(self.renamed(statement), database=self.database)

    def renamed(self, statement: str) -> str:
        """The statement with the names of this test."""
        statement = re.sub(r"\bDATABASE numbers\b", f"DATABASE {self.database}", statement)
        return statement.replace("numbers_", self.prefix)


@pytest.fixture
async def roles(administered: Administered, amqp_url: str) -> AsyncIterator[Roles]:
    async with administered.database() as name:
        prefix = f"{name}_"

        def environment(role: str) -> Mapping[str, str]:
            url = administered.url(name, f"{prefix}{role}:{role}-secret")
            servers = {"DATABASE_URL": url, "AMQP_URL": amqp_url, "WORKER_HTTP_PORT": "0"}
            return {**unmeasured(), **servers, **WITHOUT_EVENT_LOG}

        found = Roles(administered, name, prefix, *map(environment, ("owner", "worker", "reader")))
        yield found
        connection = await asyncpg.connect(administered.url(name))
        for role in ("reader", "worker", "owner"):
            await connection.execute(f"DROP OWNED BY {prefix}{role} CASCADE")
            await connection.execute(f"DROP ROLE {prefix}{role}")
        await connection.close()


async def prepare(roles: Roles) -> None:
    """Runs the files, with `migrate` in between; each role gets a password."""
    await roles.execute(script("roles.sql"))
    for role in ("owner", "worker", "reader"):
        await roles.execute(f"ALTER ROLE numbers_{role} PASSWORD '{role}-secret'")
    code, output = await command(roles.owner, "migrate")
    assert code == 0, output
    connection = await asyncpg.connect(roles.owner["DATABASE_URL"])
    await connection.execute(roles.renamed(script("grants.sql")))
    await connection.close()


async def test_the_documented_command_fails_if_the_roles_cannot_be_created(
    database_url: str,
) -> None:
    (documented,) = re.findall(r"^-- +(psql .* -f roles\.sql)$", script("roles.sql"), re.MULTILINE)
    # Its owner, who may not create roles.
    at = urlsplit(database_url)
    name = documented.replace("-d numbers", f"-d {at.path[1:]}").split()
    place = ("-h", str(at.hostname), "-p", str(at.port), "-U", str(at.username))
    process = await asyncio.create_subprocess_exec(*name, *place, cwd=FOLDER, stderr=PIPE)
    _, errors = await process.communicate()

    assert (process.returncode, errors.count(b"ERROR")) == (3, 1), errors
    assert b"permission denied to create role" in errors


async def denied(environment: Environment, statement: str) -> None:
    """Asserts that the role of this environment lacks the right to execute the statement."""
    connection = await asyncpg.connect(environment["DATABASE_URL"])
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


@pytest.fixture
async def prepared(roles: Roles) -> Roles:
    """The roles of a migrated database."""
    await prepare(roles)
    return roles


@parametrize_quick(
    "readings",
    [
        [("show", NUMBER)],
        [("pending",), ("entitlements",), ("outbox", "list"), ("manual-logouts",)],
    ],
    quick=1,
)
async def test_rights_suffice_for_each_role(roles: Roles, readings: list[tuple[str, ...]]) -> None:
    await prepare(roles)
    await imported(roles.worker)
    code, output = await command(roles.worker, "check")
    assert code == 0, output
    async with running(roles.worker):
        code, output = await command(roles.worker, "send", "activate", NUMBER, *PLACE, "--wait")
        assert code == 0, output
        for arguments in readings:
            code, output = await command(roles.reader, *arguments)
            assert code == 0, output
    resolving = ("resolve", NUMBER, "--as", "done", "--by", "Ada", "--why", "a test")
    code, output = await command(roles.reader, *resolving)
    assert code == 8, output
    assert "a right: permission denied for table phone_numbers" in output


@parametrize_quick(
    "revoke, sentence",
    [
        ("DELETE ON outbox", "lacks rights that a worker needs: DELETE on outbox."),
        ("USAGE ON SCHEMA public", "lacks the right USAGE on the schema public."),
        ("SELECT ON activation_worker_version", "permission denied for table activation_worker"),
    ],
    quick=1,
)
async def test_check_and_run_name_a_missing_right(roles: Roles, revoke: str, sentence: str) -> None:
    await prepare(roles)
    await roles.execute(f"REVOKE {revoke} FROM numbers_worker")
    for name in ("check", "run"):
        code, output = await command(roles.worker, name)
        assert code == 8, output
        assert sentence in output
        assert "Traceback" not in output


async def test_worker_and_reader_cannot_change_schema_or_server(prepared: Roles) -> None:
    for environment in (prepared.worker, prepared.reader):
        for statement in FORBIDDEN:
            await denied(environment, statement)


DISGUISED = """
CREATE TEMPORARY TABLE {table} (LIKE public.{table});
GRANT INSERT ON {table} TO PUBLIC;
CREATE OR REPLACE FUNCTION pg_temp.spring() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE 'code of the session ran as %', current_user; END $$;
CREATE TRIGGER spring BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION pg_temp.spring();
"""
"""Hides a table of the owner behind a temporary one, which executes code for each row."""
RESOLUTION = f"""
INSERT INTO resolutions VALUES ('{NUMBER}', now(), 'web', 'c', 'done', 'Ada', 'a test')
"""


async def test_code_of_the_worker_never_runs_as_owner(prepared: Roles) -> None:
    connection = await asyncpg.connect(prepared.worker["DATABASE_URL"])
    await connection.execute(pbx_step(NUMBER))
    for table in ("step_events", "acts", "act_items"):
        await connection.execute(DISGUISED.format(table=table))
    await connection.execute("UPDATE pbx_steps SET attempt = 2")
    await connection.execute(RESOLUTION)
    for table in ("step_events", "acts", "act_items"):
        assert await connection.fetchval(f"SELECT count(*) FROM public.{table}") == 1
    await connection.close()


async def test_no_role_has_the_owner_record_history_by_a_trigger(prepared: Roles) -> None:
    for function in ("record_step_event", "record_resolution"):
        trigger = f"CREATE TRIGGER own AFTER UPDATE ON own EXECUTE FUNCTION {function}()"
        for environment in (prepared.worker, prepared.reader):
            await denied(environment, f"CREATE TEMPORARY TABLE own (answers text); {trigger}")


async def test_the_reader_reads_every_table_and_writes_none(prepared: Roles) -> None:
    async with open_database(prepared.reader["DATABASE_URL"]) as database:
        for table in TABLES:
            await rows(database, f"SELECT 1 FROM {table} LIMIT 1")
    for table in TABLES:
        await denied(prepared.reader, f"DELETE FROM {table}")
    await denied(prepared.reader, "UPDATE intake SET paused_at = now()")


async def test_tables_of_a_later_migration_are_open_to_worker_and_reader_at_once(
    prepared: Roles,
) -> None:
    owner = await asyncpg.connect(prepared.owner["DATABASE_URL"])
    await owner.execute("CREATE TABLE added (id int)")
    await owner.close()
    worker_session = await asyncpg.connect(prepared.worker["DATABASE_URL"])
    await worker_session.execute("INSERT INTO added VALUES (1)")
    await worker_session.close()
    reader = await asyncpg.connect(prepared.reader["DATABASE_URL"])
    assert await reader.fetchval("SELECT id FROM added") == 1
    await reader.close()
    await denied(prepared.reader, "DELETE FROM added")


async def test_grants_may_be_given_again(prepared: Roles) -> None:
    await prepared.execute(script("grants.sql"))


@pytest.mark.campaign
async def test_migrate_names_a_missing_right(roles: Roles) -> None:
    await prepare(roles)
    await roles.execute("DROP TABLE activation_worker_version")
    code, output = await command(roles.worker, "migrate")

    assert code == 8, output
    assert "a right: permission denied for schema public" in output
    assert "Traceback" not in output
