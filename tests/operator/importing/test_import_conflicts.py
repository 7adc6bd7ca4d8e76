"""An import refuses what contradicts itself or what is held, and stores nothing of it."""

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
    refusal,
    service,
)
from tests.support.workers import rows
from worker.storage.connecting.engine import Database

CONFLICTING_RECORDS = [
    ([number(), number(label="x")], "line 2: contradicts line 1 about the same phone_number"),
    (
        [number(MAIN, main_number=True), number(OTHER, main_number=True)],
        f"line 1: {MAIN} would be a second main number of acme at london beside {OTHER}: end that",
    ),
    ([member()], f"line 1: {NUMBER} is not provisioned"),
    ([login()], f"line 1: {NUMBER} is not provisioned"),
    ([call_settings()], f"line 1: {MAIN} is not provisioned"),
    ([call_settings(NUMBER), number()], f"line 1: {NUMBER} is no main number"),
    ([login(MAIN), number(MAIN, main_number=True)], f"line 1: {MAIN} is a main number, which is n"),
    (
        [member(MAIN), call_settings(), number(MAIN, main_number=True)],
        f"line 1: {MAIN} is a main number, which is never a member of its own hunt group group-1",
    ),
]


@pytest.mark.parametrize(("records", "problem"), CONFLICTING_RECORDS)
async def test_import_refuses_records_that_conflict_with_each_other(
    database: Database, database_url: str, records: list[Fields], problem: str
) -> None:
    message = await refusal(database_url, *records, service())

    assert message.startswith(problem)
    assert "\n" not in message
    assert await rows(database, "SELECT 1 FROM voice_services") == []


async def test_import_of_main_numbers_that_swap_accounts_needs_two_files(
    database: Database, database_url: str
) -> None:
    places = {NUMBER: "acme", OTHER: "bolt"}
    await imported(
        database_url,
        *(number(item, account_id=place, main_number=True) for item, place in places.items()),
    )
    swapped = [
        number(NUMBER, account_id="bolt", main_number=True),
        number(OTHER, account_id="acme", main_number=True),
    ]

    assert "would be a second main number" in await refusal(database_url, *swapped)
    await imported(database_url, number(OTHER, account_id="bolt"))
    await imported(database_url, *swapped)
    assert await rows(
        database, "SELECT account_id FROM phone_numbers WHERE main_number ORDER BY phone_number"
    ) == [("bolt",), ("acme",)]


CONFLICTS_WITH_STORED_ROWS = [
    ([number(OTHER, main_number=True)], f"line 1: {OTHER} would be a second main number"),
    ([number(MAIN), number(NUMBER, main_number=True)], f"line 2: {NUMBER} is logged in to desk-7"),
    ([login(MAIN)], f"line 1: {MAIN} is a main number, which is never logged in"),
    ([member(MAIN)], f"line 1: {MAIN} is a main number, which is never a member of its own"),
    ([call_settings(NUMBER)], f"line 1: {NUMBER} is no main number"),
    ([number(status="ACTIVE")], f"line 1: {NUMBER} is RESERVED: only the worker makes it ACTIVE"),
]


@pytest.mark.parametrize(("records", "problem"), CONFLICTS_WITH_STORED_ROWS)
async def test_import_refuses_records_that_conflict_with_stored_rows(
    database_url: str, records: list[Fields], problem: str
) -> None:
    main = number(MAIN, main_number=True)
    await imported(database_url, number(), login(), main, call_settings())

    assert (await refusal(database_url, *records)).startswith(problem)
