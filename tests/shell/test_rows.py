"""Rows are handed over by the order of their fields, so that order is the type's."""

import re
from typing import Any

import pytest

from tests.support.workers import rows
from worker.shell.database import rows as kinds
from worker.shell.database.engine import Database


@pytest.mark.parametrize("kind", [getattr(kinds, name) for name in kinds.__all__])
async def test_a_row_has_the_fields_of_its_type(database: Database, kind: Any) -> None:
    type_name = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    fields = await rows(
        database,
        "SELECT attname FROM pg_attribute"
        f" WHERE attrelid = '{type_name}'::regclass AND attnum > 0 ORDER BY attnum",
    )

    assert [name for (name,) in fields] == list(kind._fields)
