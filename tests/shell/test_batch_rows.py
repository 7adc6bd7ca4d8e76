"""What is written is what the schema calls by the same name."""

import re

import pytest

from tests.support.workers import rows
from worker.shell.database import batch_rows
from worker.shell.database.engine import Database

COLUMNS = """SELECT attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relkind = 'c' AND relname = '{}' ORDER BY attnum"""


@pytest.mark.parametrize("name", batch_rows.__all__)
async def test_a_row_has_the_columns_of_its_type(database: Database, name: str) -> None:
    in_the_schema = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    columns = await rows(database, COLUMNS.format(in_the_schema))
    assert [column for (column,) in columns] == list(getattr(batch_rows, name)._fields)
