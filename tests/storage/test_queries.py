"""Query files are well-formed, and every query is used and accepted by PostgreSQL."""

import ast
import re
from importlib.resources import files
from pathlib import Path

import asyncpg
import pytest

from worker.storage.connecting.engine import Database
from worker.storage.outbox.messages import OutgoingMessage
from worker.storage.queries import QUERIES, QueryFileError, parse, query

STAGING = "stage"
"""The only script of several statements; the other queries of an import read what it creates."""
CODE = Path(str(files("worker")))
CHANGED_TABLE = re.compile(r"\b(?:INSERT INTO|(?<!DO )(?<!FOR )UPDATE|DELETE FROM) (\w+)")


def test_a_named_parameter_becomes_a_number_and_keeps_it() -> None:
    sql, parameters = query("retry_messages")

    assert parameters == ("now", "positions")
    assert sql.count("$2") == 2
    assert sql.startswith("-- name: retry_messages\n")


def test_a_cast_is_not_taken_for_a_parameter() -> None:
    assert parse([("a.sql", "-- name: a\nSELECT :x::text;\n")])["a"].parameters == ("x",)


def test_an_unknown_query_is_an_error() -> None:
    with pytest.raises(QueryFileError, match="no_such_query"):
        query("no_such_query")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("-- name: a\nSELECT 1;\n\n-- name: a\nSELECT 2;\n", "second query has the name a"),
        ("SELECT 1;\n", "before the first"),
        ("-- name:\nSELECT 1;\n", "gives no name"),
        ("-- name: two words\nSELECT 1;\n", "gives no name"),
        ("-- name: a\n-- A comment.\n;\n", "the query a is empty"),
        ("-- name: a\n-- name: b\nSELECT 1;\n", "the query a is empty"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name(text: str, error: str) -> None:
    with pytest.raises(QueryFileError, match=f"^wrong.sql: .*{error}"):
        parse([("wrong.sql", text)])


def test_a_name_may_not_occur_in_two_files() -> None:
    with pytest.raises(QueryFileError, match=r"^two.sql: a second query has the name a"):
        parse([("one.sql", "-- name: a\nSELECT 1;"), ("two.sql", "-- name: a\nSELECT 1;")])


def test_every_query_has_a_comment() -> None:
    assert [name for name, found in QUERIES.items() if "\n-- " not in found.sql[:200]] == []


def test_every_query_of_the_files_is_used_by_the_worker() -> None:
    assert QUERIES.keys() - _names_in_the_code() == set()


@pytest.mark.parametrize(
    ("name", "tables"), [("save_decisions", 5), ("save_advances", 5), ("begin_operations", 2)]
)
def test_the_parts_of_a_query_that_saves_change_a_table_each(name: str, tables: int) -> None:
    # PostgreSQL does not define which part runs first, and none sees the changes of another. Only
    # the outbox may lose confirmed messages and get new ones in one query.
    changed = CHANGED_TABLE.findall(query(name).sql)
    twice = {table for table in changed if changed.count(table) > 1}

    assert len({*changed}) == tables
    assert twice <= {"outbox"}


async def test_every_query_is_accepted_by_postgresql(database: Database) -> None:
    refused = {}
    async with database.own_session() as session, session.driver.transaction():
        await session.driver.execute(query(STAGING).sql)
        for name in QUERIES.keys() - {STAGING}:
            try:
                async with session.driver.transaction():
                    prepared = await session.driver.prepare(QUERIES[name].sql)
            except asyncpg.PostgresError as error:
                refused[name] = str(error)
            else:
                assert len(prepared.get_parameters()) == len(QUERIES[name].parameters)
    assert refused == {}


def _names_in_the_code() -> set[str]:
    """All string constants, alone and behind the constant with which an f-string begins."""
    constants, beginnings = set(), set()
    for file in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.JoinedStr(values=[ast.Constant(value=str(text)), _]):
                    beginnings.add(text)
                case ast.Constant(value=str(text)):
                    constants.add(text)
                case _:
                    pass
    return constants | {f"{beginning}{text}" for beginning in beginnings for text in constants}


async def test_load_messages_returns_the_fields_of_an_outgoing_message(database: Database) -> None:
    sql, _ = query("load_messages")
    async with database.session() as session:
        prepared = await session.driver.prepare(sql)

    assert [column.name for column in prepared.get_attributes()] == [*OutgoingMessage._fields]
