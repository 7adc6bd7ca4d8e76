"""The documents: generated tables are current, examples are valid, links lead somewhere."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from activation_contracts.catalogue import COMMANDS
from activation_contracts.documents.folder import DOCUMENTS
from activation_contracts.documents.reference.__main__ import FOLDER
from activation_contracts.documents.tables import TABLES, rewrite, with_tables
from activation_contracts.examples import EXAMPLES
from activation_contracts.reading import read

from tests.support.documents import broken_links, documents_of, torn_blocks
from worker.settings import Settings

WEB_TIER = DOCUMENTS / "web-tier.md"
PAGES = sorted(DOCUMENTS.rglob("*.md"))
REPOSITORY = DOCUMENTS.parents[1]
README = REPOSITORY / "README.md"
DOCUMENTS_OF_THE_REPOSITORY = documents_of(REPOSITORY)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_generated_tables_are_current(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text == with_tables(text, TABLES), "run `make docs`"


def test_rewrite_changes_only_the_marked_place(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: features -->\nstale\n<!-- end of table -->\nafter\n")

    assert rewrite([page], TABLES) == [page]

    assert page.read_text() == (
        f"before\n<!-- table: features -->\n{TABLES['features']()}<!-- end of table -->\nafter\n"
    )


def test_every_table_stands_in_a_document() -> None:
    shown = {
        name
        for page in PAGES
        for name in re.findall(r"<!-- table: (.*?) -->", page.read_text(encoding="utf-8"))
    }

    assert shown == {*TABLES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_json_examples_are_valid_json(page: Path) -> None:
    for block in blocks(page, "json"):
        json.loads(block)


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_an_event_on_a_page_is_an_example_perhaps_shortened(page: Path) -> None:
    examples = [json.loads(example.encode()) for example in EXAMPLES.values()]
    events = [event for event in map(json.loads, blocks(page, "json")) if "type" in event]

    for event in events:
        assert any(is_part(event, example) for example in examples), event


def test_the_example_command_is_readable() -> None:
    assert read(blocks(WEB_TIER, "json")[0].encode(), None, COMMANDS).data.site_id == "london-1"


def is_part(event: Any, example: Any) -> bool:
    """Whether the event has no other fields and values than the example."""
    if not isinstance(event, dict):
        return bool(event == example)
    return all(name in example and is_part(event[name], example[name]) for name in event)


def test_the_days_for_which_ids_are_remembered_are_those_of_the_setting() -> None:
    days = Settings.model_fields["history_days"].default
    text = WEB_TIER.read_text(encoding="utf-8")

    assert {int(found) for found in re.findall(r"(\d+) days after", text)} == {days}


@pytest.mark.parametrize(
    "page", DOCUMENTS_OF_THE_REPOSITORY, ids=lambda page: str(page.relative_to(REPOSITORY))
)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page, REPOSITORY) == []


@pytest.mark.parametrize(
    "page", DOCUMENTS_OF_THE_REPOSITORY, ids=lambda page: str(page.relative_to(REPOSITORY))
)
def test_blocks_of_code_are_read_as_such(page: Path) -> None:
    assert torn_blocks(page) == []


def test_a_block_whose_first_line_lost_its_indentation_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Look\n\ncheck\n    partitions\n\n    check\n    show\n\n- a\n    b\n")

    assert torn_blocks(page) == ["check"]


def test_the_documents_of_every_folder_are_checked() -> None:
    folders = {page.parent for page in DOCUMENTS_OF_THE_REPOSITORY}

    assert {REPOSITORY, DOCUMENTS, FOLDER, REPOSITORY / "worker" / "docs"} <= folders


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "other.md").write_text("# The `a_b` of *it*: what, why?\n\n## Again\n")
    page = tmp_path / "page.md"
    page.write_text(
        """# A [link](folder)

## Again
## Again

[1](folder/other.md#the-a_b-of-it-what-why) [2](#again-1) [3](#a-link) [4](https://x.org/none)
[5](folder/) [6](/folder/other.md "Title") `[7](in-code.md)` [8]: folder/other.md#again
![9](none.svg) [10](folder/other.md#none) [11](#again-2) [12](other.md) [13](/none.md)
[14](folder#again) [15](../beyond.md) <a href="none.html">16</a> [17](<none here.md>)

```
# Not a heading
[18](in-a-block.md)
```

[19](#not-a-heading)

[20]: folder/none.md
"""
    )
    (tmp_path.parent / "beyond.md").touch()

    assert broken_links(page, tmp_path) == [
        "none.svg",
        "folder/other.md#none",
        "#again-2",
        "other.md",
        "/none.md",
        "folder#again",
        "../beyond.md",
        "none here.md",
        "#not-a-heading",
        "folder/none.md",
        "none.html",
    ]
