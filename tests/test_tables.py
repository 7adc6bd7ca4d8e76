"""The worker's documents: what they list is what the code has."""

import re
from pathlib import Path

import pytest

from contracts.tables import with_tables
from tests.support.scraping import scraped
from worker.cli.exits import MEANINGS, Exit
from worker.shell.logs import Action
from worker.shell.settings import Settings
from worker.tables import DOCUMENTS, TABLES

TESTS = Path(__file__).parent
PAGES = sorted(DOCUMENTS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text == with_tables(text, TABLES), "run `python -m worker.tables`"


def test_every_table_is_shown_somewhere() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)

    assert {*re.findall(r"<!-- table: (.*?) -->", text)} == {*TABLES}


def test_every_setting_exit_code_and_action_has_a_meaning() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    assert [*MEANINGS] == [*Exit]
    assert TABLES["actions"]().count("\n") == len(Action) + 2


async def test_the_page_shows_each_metric_as_prometheus_finds_it() -> None:
    # Not by way of `describe()`, from which the page is written: a defect there is in both.
    page = (DOCUMENTS / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(activation_worker_\w+)` \| (\w+) \| ([^|]*) \|", page, re.MULTILINE)

    assert {
        name: (kind, frozenset(filter(None, labels.split(", ")))) for name, kind, labels in rows
    } == await scraped()
    assert len(rows) == len({name for name, _, _ in rows})


def test_every_test_that_the_page_on_reliability_names_is_there() -> None:
    page = (DOCUMENTS / "reliability.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[a-z_/]+\.py)`", page))

    assert len(named) > 10
    assert [name for name in sorted(named) if not (TESTS.parent / name).exists()] == []
