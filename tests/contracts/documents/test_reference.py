"""The reference: current, complete, and one page that stands alone."""

import json
import re
from enum import StrEnum
from pathlib import Path

import pytest
from activation_contracts.catalogue import CATALOGUE, MessageDefinition
from activation_contracts.dead_letters import DeadLetterCode
from activation_contracts.documents.reference import html_document, markdown_files, pages
from activation_contracts.documents.reference.__main__ import FOLDER, write
from activation_contracts.documents.reference.blocks import Heading
from activation_contracts.documents.schemas import bundle
from activation_contracts.examples import EXAMPLES
from activation_contracts.messages.directory import ConflictCode
from activation_contracts.reading import ReadErrorCode
from activation_contracts.refusals import REFUSALS, RefusalCode
from activation_contracts.values import FailureCode, NumberStatus

CODES = [
    code
    for codes in (RefusalCode, ReadErrorCode, DeadLetterCode, FailureCode, ConflictCode)
    for code in codes
]
SECTIONS = ["When it is sent", "What may repeat or arrive late", "What the receiver does", "Fields"]


def headings(page: str) -> list[str]:
    return re.findall(r"^#+ (.*)$", markdown_files()[page], re.MULTILINE)


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next one."""
    _, _, rest = markdown_files()[page].partition(f"# {heading}\n")
    return re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]


def test_pages_in_the_repository_are_current() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}

    assert written == markdown_files(), "run `make docs`"


def test_writing_the_pages_removes_the_page_of_a_message_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "telephony.gone.v1.md").touch()

    assert len(write(tmp_path)) == len(markdown_files())
    assert {path.name for path in tmp_path.iterdir()} == {*markdown_files()}
    assert write(tmp_path) == []


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.type)
def test_every_message_has_a_page_with_its_guidance_route_and_examples(
    row: MessageDefinition,
) -> None:
    name = f"{row.type}.md"
    text = markdown_files()[name]
    examples = [json.loads(it) for it in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]

    assert headings(name)[0] == row.type
    assert set(SECTIONS) <= set(headings(name))
    assert all(f"`{place}`" in text for place in (row.exchange, row.queue) if place)
    assert examples == [json.loads(it.encode()) for it in EXAMPLES.values() if it.type == row.type]


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.type)
def test_page_of_a_message_has_every_field_of_its_examples(row: MessageDefinition) -> None:
    shown = {
        *re.findall(r"^\| `([\w.\[\]]+)` \|", markdown_files()[f"{row.type}.md"], re.MULTILINE)
    }
    examples = [json.loads(it.encode()) for it in EXAMPLES.values() if it.type == row.type]

    assert {name for example in examples for name in example["data"]} <= shown


def test_index_leads_to_every_message() -> None:
    index = markdown_files()["README.md"]

    assert [row.type for row in CATALOGUE if f"]({row.type}.md)" not in index] == []


def test_index_leads_to_every_guide() -> None:
    guides = re.findall(r"\]\(\.\./([a-z-]+\.md)\)", section("README.md", "Guides"))

    assert sorted(guides) == sorted(path.name for path in FOLDER.parent.glob("*.md"))


def test_index_names_the_routing_keys_of_bulk_commands() -> None:
    index = markdown_files()["README.md"]
    keys = [row.bulk_routing_key for row in CATALOGUE if row.bulk_routing_key]

    assert len(keys) == 2
    assert [key for key in keys if f"`{key}`" not in index] == []


@pytest.mark.parametrize("code", CODES, ids=str)
def test_every_code_has_a_section_with_its_meaning_and_what_to_do(code: StrEnum) -> None:
    paragraphs = section("codes.md", code).strip().split("\n\n")

    assert len(paragraphs) == 2
    assert paragraphs[1].startswith(("**What to do.** ", "| sent | send instead |"))


def test_codes_of_refusals_come_in_the_order_in_which_the_worker_checks_them() -> None:
    refusals = [refusal.code for refusal in REFUSALS]

    assert [it for it in headings("codes.md") if it in {*RefusalCode}] == refusals


@pytest.mark.parametrize("status", NumberStatus, ids=str)
def test_every_status_has_a_section_with_the_ways_into_it_and_out_of_it(
    status: NumberStatus,
) -> None:
    changes = re.findall(
        r"^\| [\w -]+ \| (\S+) \| (\S+) \|", section("status.md", status), re.MULTILINE
    )

    assert any(after == status for _, after in changes)
    assert any(before == status for before, _ in changes)


def test_every_enumeration_and_format_is_explained() -> None:
    named = {name for name, it in bundle()["$defs"].items() if it.get("type") == "string"}
    codes = {"RefusalCode", "ReadErrorCode", "FailureCode", "ConflictCode"}

    assert named - {*headings("values.md")} == codes


def test_no_anchor_of_the_html_page_occurs_twice() -> None:
    anchors = re.findall(r' id="([^"]*)"', html_document())

    assert len(anchors) == len(set(anchors))


def test_html_page_has_an_anchor_for_each_message_code_and_status() -> None:
    anchors = {*re.findall(r' id="([^"]*)"', html_document())}

    assert {row.type for row in CATALOGUE} <= anchors
    assert {it.lower() for it in [*CODES, *NumberStatus]} <= anchors


def test_html_page_has_the_headings_of_all_pages() -> None:
    text = html_document()
    missing = [
        block.text
        for page in pages()
        for block in page.blocks
        if isinstance(block, Heading) and f">{block.text}</h" not in text
    ]

    assert missing == []


def test_html_page_needs_no_script_and_nothing_beside_it() -> None:
    needed = r"<script|<link|<iframe|<img|src=|url\((?!#)|@import|https?:"

    assert re.findall(needed, html_document()) == []
