"""The SQL in its files becomes what the driver takes."""

import re

import pytest

from worker.storage.saving import CONCLUSIONS, DECISIONS
from worker.storage.statements import statement, together


def test_a_name_becomes_a_number_and_keeps_it() -> None:
    sql, parameters = statement("retry_messages")

    assert parameters == ("now", "positions")
    assert sql.count("$2") == 2
    assert ":" not in re.sub("--.*", "", sql)


def test_an_unknown_statement_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        statement("no_such_statement")


@pytest.mark.parametrize("joined", [DECISIONS, CONCLUSIONS])
def test_statements_that_are_joined_share_what_has_one_name(joined: tuple[str, ...]) -> None:
    sql, parameters = together(*joined)

    assert len(parameters) == len({*parameters})
    assert {*parameters} == {name for one in joined for name in statement(one).parameters}
    assert [name for name in joined[:-1] if f"{name} AS (" not in sql] == []


@pytest.mark.parametrize("joined", [DECISIONS, CONCLUSIONS])
def test_no_two_statements_that_are_joined_change_the_same_table(joined: tuple[str, ...]) -> None:
    changed = [
        re.search(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)", statement(name).sql)
        for name in joined
    ]
    tables = [found[1] for found in changed if found]

    assert len(tables) == len(joined)
    assert len({*tables}) == len(joined)
