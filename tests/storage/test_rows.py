"""Rows for a batch match the composite types of the schema."""

import pytest

from tests.support.workers import rows
from worker.storage import rows as row_types
from worker.storage.connecting.engine import Database

COLUMNS = """SELECT attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relkind = 'c' AND relname = '{}' ORDER BY attnum"""

TYPES = {
    "CommandRow": "command_row",
    "NumberRow": "number_row",
    "OperationRow": "operation_row",
    "OperationEndRow": "operation_end_row",
    "OutboxRow": "outbox_row",
}


@pytest.mark.parametrize("name", [name for name in row_types.__all__ if name.endswith("Row")])
async def test_a_row_has_the_columns_of_its_type(database: Database, name: str) -> None:
    columns = await rows(database, COLUMNS.format(TYPES[name]))
    assert [column for (column,) in columns] == list(getattr(row_types, name)._fields)
