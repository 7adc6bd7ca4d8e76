"""The schema is stated in files, and each function stands in a file of its own."""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

import pytest

from tests.support.workers import rows
from worker.storage.connecting.engine import Database

SCHEMA = files("worker.storage") / "schema"
FILES = [file for folder in (SCHEMA, SCHEMA / "acts") for file in (folder / "functions").iterdir()]
CREATED = re.compile(r"^CREATE (?:FUNCTION|PROCEDURE) (\w+)", re.MULTILINE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_creates_the_function_that_it_is_named_after(file: Traversable) -> None:
    assert CREATED.findall(file.read_text(encoding="utf-8")) == [file.name.removesuffix(".sql")]


async def test_every_function_of_the_database_has_a_file(database: Database) -> None:
    found = await rows(
        database, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    assert {f"{name}.sql" for (name,) in found} == {file.name for file in FILES}
