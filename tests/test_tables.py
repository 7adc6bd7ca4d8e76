"""The documents of the worker: their tables match the code."""

import re
from pathlib import Path

import pytest
from activation_contracts.documents.tables import with_tables

from worker.cli.exits import MEANINGS, Exit
from worker.docs.tables import PAGES, TABLES
from worker.settings import Settings
from worker.telemetry.logs import Action
from worker.telemetry.metrics import describe

TESTS = Path(__file__).parent


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_of_a_page_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text == with_tables(text, TABLES), "run `python -m worker.docs.tables`"


def test_every_table_is_shown_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)

    assert {*re.findall(r"<!-- table: (.*?) -->", text)} == {*TABLES}


def test_every_setting_exit_code_and_action_has_a_meaning() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    assert [*MEANINGS] == [*Exit]
    assert TABLES["actions"]().count("\n") == len(Action) + 2


def test_every_file_that_a_document_or_a_comment_names_is_there() -> None:
    root = TESTS.parent
    texts = [
        path.read_text(encoding="utf-8")
        for top in ("contracts", "tests", "worker")
        for kind in ("*.md", "*.py", "*.sql")
        for path in (root / top).rglob(kind)
    ]
    texts.append((root / "README.md").read_text(encoding="utf-8"))
    named = {
        name
        for text in texts
        for name in re.findall(r"\b(?:contracts|tests|worker)/[\w/]+\.(?:py|sql|md)\b", text)
    }

    assert len(named) > 50
    assert [name for name in sorted(named) if not (root / name).exists()] == []


def test_every_metric_that_a_document_names_is_declared() -> None:
    declared = {row.name for row in describe()}
    declared |= {
        f"{row.name}_{part}"
        for row in describe()
        if row.kind == "histogram"
        for part in ("bucket", "sum", "count")
    }
    named = {
        name
        for page in PAGES
        for name in re.findall(r"activation_worker_\w+", page.read_text(encoding="utf-8"))
    }

    assert named
    assert named <= declared
