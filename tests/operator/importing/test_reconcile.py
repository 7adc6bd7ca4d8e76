"""`reconcile` compares a file with what is held."""

import json
from collections.abc import Mapping

import pytest

from tests.support.data.records import (
    MAIN,
    NUMBER,
    OTHER,
    Fields,
    call_settings,
    imported,
    login,
    member,
    number,
    service,
)
from tests.support.workers import rows, store
from worker.operator.importing.jsonl import ImportRefused
from worker.operator.importing.reconcile import Difference, compare_lines, render
from worker.storage.connecting.engine import Database

RECORDS = (
    *(service(starts_on="2026-01-01"), number(features=["b", "a"], label="Ann")),
    *(number(MAIN, main_number=True), call_settings(), member(), login()),
)


async def compared(
    url: str, *records: Fields, complete: bool = False
) -> tuple[list[str], Mapping[str, int]]:
    """The differences as lines for people, and their counts."""
    found: list[Difference] = []
    lines = [json.dumps(record) for record in records]
    counts = await compare_lines(url, lines, complete=complete, show=found.append)
    return list(map(render, found)), counts


async def test_what_was_imported_has_no_differences(database_url: str) -> None:
    await imported(database_url, *RECORDS)

    for complete in (False, True):
        assert await compared(database_url, *RECORDS, *RECORDS, complete=complete) == ([], {})


async def test_reconcile_shows_what_only_the_file_has(database_url: str) -> None:
    lines, counts = await compared(database_url, *RECORDS)

    assert lines == [
        "only in the file: voice_service service-1 (line 1)",
        f"only in the file: phone_number {NUMBER} (line 2)",
        f"only in the file: phone_number {MAIN} (line 3)",
        f"only in the file: call_settings {MAIN} (line 4)",
        f"only in the file: hunt_group_member {NUMBER} group-1 (line 5)",
        f"only in the file: handset_login {NUMBER} desk-7 (line 6)",
    ]
    assert counts == {"only_in_file": 6}


async def test_reconcile_shows_both_values_of_each_field_that_differs(database_url: str) -> None:
    await imported(database_url, *RECORDS)
    changed = (
        service(quantity=4, starts_on="2026-01-02"),
        number(status="ACTIVE", features=["a"]),
        call_settings(unanswered="voicemail"),
        login(device_kind="analogue"),
    )
    lines, counts = await compared(database_url, *changed)
    found = [line.partition("): ")[::2] for line in lines]

    assert [record for record, _ in found] == [
        "differs: voice_service service-1 (line 1",
        f"differs: phone_number {NUMBER} (line 2",
        f"differs: call_settings {MAIN} (line 3",
        f"differs: handset_login {NUMBER} desk-7 (line 4",
    ]
    assert [value for _, values in found for value in values.split("; ")] == [
        "quantity is 4 in the file, 3 held",
        'starts_on is "2026-01-02" in the file, "2026-01-01" held',
        'features is ["a"] in the file, ["a", "b"] held',
        'label is empty in the file, "Ann" held',
        'status is "ACTIVE" in the file, "RESERVED" held',
        'unanswered is "voicemail" in the file, "none" held',
        'device_kind is "analogue" in the file, "digital" held',
    ]
    assert counts == {"differs": 4}


async def test_complete_file_shows_what_is_only_held_at_the_sites_that_it_names(
    database_url: str,
) -> None:
    paris = (service(service_id="s-2", site_id="paris"), number(OTHER, site_id="paris"))
    await imported(database_url, *RECORDS, *paris, member(OTHER))
    lines, counts = await compared(database_url, number(MAIN, main_number=True), complete=True)

    assert lines == [
        "only held: voice_service service-1",
        f"only held: phone_number {NUMBER}",
        f"only held: call_settings {MAIN}",
        f"only held: hunt_group_member {NUMBER} group-1",
        f"only held: handset_login {NUMBER} desk-7",
    ]
    assert counts == {"only_held": 5}
    assert await compared(database_url, number(MAIN, main_number=True)) == ([], {})


async def test_a_site_of_a_service_alone_is_named_too(database_url: str) -> None:
    await imported(database_url, service(), number())

    lines, _ = await compared(database_url, service(), complete=True)
    assert lines == [f"only held: phone_number {NUMBER}"]


async def test_status_that_the_file_leaves_out_is_not_compared(database_url: str) -> None:
    await imported(database_url, number(status="ACTIVE"))

    assert await compared(database_url, number(status=None)) == ([], {})


async def test_reconcile_says_which_differences_an_import_would_leave_alone(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number(), number(OTHER), number(MAIN))
    await store(
        database,
        f"UPDATE phone_numbers SET status = 'ACTIVE' WHERE phone_number IN ('{NUMBER}', '{OTHER}')",
    )
    file = (number(), number(OTHER, label="Ann"), number(MAIN, status="ACTIVE"))
    lines, counts = await compared(database_url, *file)

    older = 'status is "RESERVED" in the file, "ACTIVE" held and newer: an import leaves it'
    assert lines == [
        f"newer here: phone_number {NUMBER} (line 1): {older}",
        f'differs: phone_number {OTHER} (line 2): label is "Ann" in the file, empty held; {older}',
        (f'differs: phone_number {MAIN} (line 3): status is "ACTIVE" in the file, "RESERVED" held'),
    ]
    assert counts == {"newer_here": 1, "differs": 2}
    await imported(database_url, *file[:2])
    assert (await compared(database_url, *file[:2]))[1] == {"newer_here": 2}


async def test_reconcile_changes_nothing(database: Database, database_url: str) -> None:
    await imported(database_url, *RECORDS)
    await store(database, "UPDATE phone_numbers SET status = 'PENDING' WHERE label = 'Ann'")
    versions = "SELECT phone_number, xmin::text, xmax::text FROM phone_numbers ORDER BY 1"
    before = await rows(database, versions)

    lines, _ = await compared(database_url, number(label="Bob"), complete=True)

    assert any('"Bob" in the file' in line for line in lines)
    assert await rows(database, versions) == before


async def test_reconcile_refuses_a_file_that_contradicts_itself(database_url: str) -> None:
    with pytest.raises(ImportRefused, match="line 2: contradicts line 1"):
        await compared(database_url, number(), number(label="x"))


async def test_reconcile_shows_hostile_text_as_one_printable_line(database_url: str) -> None:
    await imported(database_url, number(label="a\x1b[31m\nb"))

    lines, _ = await compared(database_url, number())
    assert len(lines) == 1
    assert lines[0].isprintable()
