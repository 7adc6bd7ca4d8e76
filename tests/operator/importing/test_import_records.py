import asyncio
import json
from pathlib import Path

import pytest

from contracts.values import Step
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
from tests.support.platform import Platform
from tests.support.workers import rows, store, until_leading, working
from worker.operator.importing.import_records import ImportBusy, import_lines
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.storage.locks import IMPORT

CONFLICTING_RECORDS = [
    ([number(), number(label="x")], "line 2: contradicts line 1 about the same phone_number"),
    (
        [number(MAIN, main_number=True), number(OTHER, main_number=True)],
        f"line 2: {OTHER} would be a second main number of acme at london beside {MAIN} in line 1",
    ),
    ([member()], f"line 1: {NUMBER} is not provisioned"),
    ([login()], f"line 1: {NUMBER} is not provisioned"),
    ([call_settings()], f"line 1: {MAIN} is not provisioned"),
    ([call_settings(NUMBER), number()], f"line 1: {NUMBER} is no main number"),
    ([login(MAIN), number(MAIN, main_number=True)], f"line 1: {MAIN} is a main number: it is ne"),
    (
        [member(MAIN), call_settings(), number(MAIN, main_number=True)],
        f"line 1: {MAIN} is a main number: it is never a member of its own hunt group",
    ),
]

OUTSTANDING = "SELECT phone_number FROM pbx_steps WHERE ended_at IS NULL"
PAGE = Path(__file__).parents[3] / "worker" / "docs" / "operations.md"
SAMPLE = [
    line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith('    {"kind"')
]


@pytest.mark.parametrize(("records", "problem"), CONFLICTING_RECORDS)
async def test_import_refuses_records_that_conflict_with_each_other(
    database: Database, database_url: str, records: list[Fields], problem: str
) -> None:
    message = await refusal(database_url, *records, service())

    assert message.startswith(problem)
    assert "\n" not in message
    assert await rows(database, "SELECT 1 FROM voice_services") == []


CONFLICTS_WITH_STORED_ROWS = [
    ([number(OTHER, main_number=True)], f"line 1: {OTHER} would be a second main number"),
    ([number(NUMBER, main_number=True, site_id="paris")], f"line 1: {NUMBER} is a main number"),
    ([login(MAIN)], f"line 1: {MAIN} is a main number: it is never logged in"),
    ([member(MAIN)], f"line 1: {MAIN} is a main number: it is never a member of its own"),
    ([call_settings(NUMBER)], f"line 1: {NUMBER} is no main number"),
]


@pytest.mark.parametrize(("records", "problem"), CONFLICTS_WITH_STORED_ROWS)
async def test_import_refuses_records_that_conflict_with_stored_rows(
    database_url: str, records: list[Fields], problem: str
) -> None:
    main = number(MAIN, main_number=True)
    await imported(database_url, number(), login(), main, call_settings())

    assert (await refusal(database_url, *records)).startswith(problem)


@pytest.mark.parametrize("record", [number(), member(), login()])
async def test_import_refuses_a_number_with_an_operation_under_way(
    database: Database, database_url: str, record: Fields
) -> None:
    await imported(database_url, number())
    await store(database, "UPDATE phone_numbers SET status = 'PENDING'")

    message = await refusal(database_url, record)

    assert message == f"line 1: {NUMBER} has an operation under way: import it when that has ended"


async def test_import_accepts_lines_in_any_order(database: Database, database_url: str) -> None:
    records = [
        *(login(), member(), call_settings()),
        *(number(), number(MAIN, main_number=True), service()),
    ]
    counts = await imported(database_url, *records)

    assert set(counts.values()) == {1, 2}
    assert await rows(database, "SELECT hunt_group_id FROM hunt_group_members") == [("group-1",)]


async def test_import_keeps_only_the_names_of_features_that_are_set(
    database: Database, database_url: str
) -> None:
    settings = {"voicemail": "the code", "call_waiting": True, "do_not_disturb": False}
    await imported(database_url, number(features=settings), number(OTHER, features=["b", "a", "b"]))

    assert await rows(database, "SELECT features FROM phone_numbers ORDER BY phone_number") == [
        (["call_waiting", "voicemail"],),
        (["a", "b"],),
    ]


VERSIONS = """
SELECT tableoid::regclass::text, xmin::text FROM {} ORDER BY 1, 2
"""


async def test_repeated_import_writes_no_rows(database: Database, database_url: str) -> None:
    records = [
        *(service(), number(features=["voicemail"], label="Ann"), number(MAIN, main_number=True)),
        *(call_settings(), member(), login()),
    ]
    tables = ["voice_services", "phone_numbers", "call_settings", "hunt_group_members"]

    async def versions() -> list[object]:
        found = [await rows(database, VERSIONS.format(name)) for name in tables]
        return [*found, await rows(database, VERSIONS.format("handset_logins"))]

    await imported(database_url, *records)
    before = await versions()
    await imported(database_url, *records, *records)

    assert await versions() == before


async def test_import_of_a_status_raises_the_sequence_and_updates_the_usage(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number())
    await imported(database_url, number(status="ACTIVE", label="Ann"))
    await imported(database_url, number(status="ACTIVE", label="Bob"))

    assert await rows(database, "SELECT sequence, label FROM phone_numbers") == [(1, "Bob")]
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(1, 0)]


async def test_import_counts_a_number_for_its_new_account(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number(status="ACTIVE"))
    await imported(database_url, number(status="ACTIVE", account_id="bolt"))

    assert await rows(
        database, "SELECT account_id, active FROM entitlement_usage ORDER BY account_id"
    ) == [("acme", 0), ("bolt", 1)]


@pytest.mark.parametrize("order", [1, -1])
async def test_import_can_swap_the_main_number(
    database: Database, database_url: str, order: int
) -> None:
    await imported(database_url, number(main_number=True), number(OTHER), call_settings(NUMBER))
    await imported(database_url, *[number(), number(OTHER, main_number=True)][::order])
    assert await rows(database, "SELECT phone_number FROM phone_numbers WHERE main_number") == [
        (OTHER,)
    ]
    assert await rows(database, "SELECT 1 FROM call_settings") == []

    await imported(database_url, *[number(main_number=True), number(OTHER)][::order])
    assert await rows(database, "SELECT phone_number FROM phone_numbers WHERE main_number") == [
        (NUMBER,)
    ]


async def test_second_import_at_the_same_time_is_refused(
    database: Database, database_url: str
) -> None:
    async with database.transaction() as session:
        await session.driver.execute("SELECT pg_advisory_xact_lock($1)", IMPORT)
        with pytest.raises(ImportBusy, match="when it has ended"):
            await imported(database_url, number())


async def test_import_works_while_a_worker_runs(
    database: Database, database_url: str, settings: Settings
) -> None:
    async with working(database, settings) as worker:
        await until_leading(worker)
        await imported(database_url, number())

        assert worker.leads
    assert await rows(database, "SELECT phone_number FROM phone_numbers") == [(NUMBER,)]


@pytest.mark.parametrize("changed", [{"status": "COOLDOWN", "account_id": None}, {"site_id": "b"}])
async def test_import_ends_outstanding_steps_of_a_number_that_changes_accounts(
    database: Database,
    database_url: str,
    settings: Settings,
    platform: Platform,
    changed: Fields,
) -> None:
    await imported(
        database_url, service(), number(), number(MAIN, status="ACTIVE", main_number=True)
    )
    await imported(database_url, call_settings())
    waiting = settings.model_copy(
        update={
            "awaited_steps": frozenset({Step.HUNT_GROUP_MEMBERSHIP}),
            "operation_at_risk_seconds": 0.01,
        }
    )
    async with working(database, waiting) as worker:
        command = await platform.send("activate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        assert await rows(database, OUTSTANDING) == [(NUMBER,)]
        await imported(database_url, {**number(status="ACTIVE"), **changed})
        other = await platform.send("activate", OTHER)
        assert await platform.outcome(other) == ["NUMBER_UNKNOWN"]

        assert worker.leads
    assert await rows(database, "SELECT 1 FROM operations") == []
    assert await rows(database, OUTSTANDING) == []


async def test_import_ignores_a_byte_order_mark_and_empty_lines(database_url: str) -> None:
    lines = [b"\xef\xbb\xbf" + json.dumps(number()).encode() + b"\r\n", b"\n", b"  \n"]

    assert await import_lines(database_url, lines) == {"phone_number": 1}


async def test_import_does_not_overwrite_a_command_that_commits_first(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number())
    async with database.transaction() as session:
        await session.driver.execute("UPDATE phone_numbers SET status = 'PENDING'")
        importing = asyncio.create_task(refusal(database_url, number(label="Ann")))
        await until_a_session_waits(database)

    assert "has an operation under way" in await importing


async def until_a_session_waits(database: Database) -> None:
    """Waits until a session of this database waits for a lock."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
    async with asyncio.timeout(30):
        while not await rows(database, f"{query} AND wait_event_type = 'Lock'"):
            await asyncio.sleep(0.02)


async def test_sample_of_the_operations_page_can_be_imported(database_url: str) -> None:
    assert sum((await import_lines(database_url, SAMPLE)).values()) == len(SAMPLE) == 6
