"""The schema is stated in files, and each function stands in a file of its own."""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from tests.support.workers import rows
from worker.storage.connecting.engine import Database
from worker.storage.deployment.migrate import configuration

SCHEMA = files("worker.storage") / "schema"
FILES = [file for folder in (SCHEMA, SCHEMA / "acts") for file in (folder / "functions").iterdir()]
CREATED = re.compile(r"^CREATE (?:FUNCTION|PROCEDURE) (\w+)", re.MULTILINE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_creates_the_function_that_it_is_named_after(file: Traversable) -> None:
    assert CREATED.findall(file.read_text(encoding="utf-8")) == [file.name.removesuffix(".sql")]


def test_every_file_of_the_schema_is_executed_by_one_migration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    executed: list[str] = []
    for revision in ScriptDirectory.from_config(configuration()).walk_revisions():
        monkeypatch.setattr(revision.module, "run", lambda *paths: executed.extend(paths))
        revision.module.upgrade()

    root = Path(str(SCHEMA))
    assert sorted(executed) == sorted(
        file.relative_to(root).as_posix() for file in root.rglob("*.sql")
    )


async def test_every_function_of_the_database_has_a_file(database: Database) -> None:
    found = await rows(
        database, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    assert {f"{name}.sql" for (name,) in found} == {file.name for file in FILES}


async def test_functions_with_the_rights_of_their_owner_are_closed_to_other_roles(
    database: Database,
) -> None:
    found = await rows(
        database,
        "SELECT proname, proconfig, has_function_privilege('public', oid, 'EXECUTE') AS is_open"
        " FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef",
    )
    assert {name for name, _, _ in found} == {"record_resolution", "record_step_event"}
    for name, configured, is_open in found:
        # Without pg_temp at the end, the temporary tables of a session come first.
        assert (configured, is_open) == (["search_path=public, pg_temp"], False), name
