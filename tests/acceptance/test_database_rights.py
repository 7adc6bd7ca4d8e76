"""The documented grants suffice for each role, and commands name a missing right."""

import re
from collections.abc import AsyncIterator, Mapping
from importlib.resources import files
from itertools import groupby
from typing import NamedTuple

import asyncpg
import pytest

from tests.support.environments import WITHOUT_EVENT_LOG, Environment, unmeasured
from tests.support.installed_command import NUMBER, PLACE, command, imported, running
from tests.support.quick import parametrize_quick
from tests.support.servers.postgresql import Administered

PAGE = files("worker.docs") / "operations.md"


def documented_statements() -> list[list[str]]:
    """The statements of the page: those before `migrate`, and those after it."""
    section = PAGE.read_text(encoding="utf-8").partition("### Rights\n")[2].partition("\n## ")[0]
    blocks = groupby(section.splitlines(), key=lambda line: line.startswith("    "))
    return [[line.strip() for line in lines] for is_code, lines in blocks if is_code]


class Roles(NamedTuple):
    """A database with the roles of the page, and the environment of each role."""

    administered: Administered
    database: str
    prefix: str
    owner: Environment
    worker: Environment
    reader: Environment

    async def execute(self, statement: str) -> None:
        """Executes a statement of the page as superuser."""
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
    """Executes the page's statements, with `migrate` in between."""
    before, after = documented_statements()
    for statement in before:
        await roles.execute(statement)
    code, output = await command(roles.owner, "migrate")
    assert code == 0, output
    for statement in after:
        await roles.execute(statement)


@parametrize_quick(
    "readings",
    [
        [("show", NUMBER)],
        [("pending",), ("entitlements",), ("outbox", "list"), ("manual-logouts",)],
    ],
    quick=1,
)
async def test_documented_rights_suffice_for_each_role(
    roles: Roles, readings: list[tuple[str, ...]]
) -> None:
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


@pytest.mark.campaign
async def test_migrate_names_a_missing_right(roles: Roles) -> None:
    await prepare(roles)
    await roles.execute("DROP TABLE activation_worker_version")
    code, output = await command(roles.worker, "migrate")

    assert code == 8, output
    assert "a right: permission denied for schema public" in output
    assert "Traceback" not in output
