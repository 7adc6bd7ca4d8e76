import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from activation_contracts.records import RecordKind

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
from worker.core.directory.work import Applied
from worker.core.partitions import Layout, partition_of
from worker.operator.importing import applying
from worker.operator.importing.applying import Counts
from worker.operator.importing.import_records import ImportBusy, import_lines
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.storage.connecting.session import Session
from worker.storage.directory import staging
from worker.storage.directory.applying import apply_changes, join_directory_writers
from worker.storage.directory.staging import partitions_kept
from worker.storage.locks import IMPORT
from worker.storage.partitions import finish_repartition

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


WAITING = "SELECT kind, waits_for, cause_id FROM waiting_records ORDER BY position"


async def test_records_of_a_number_with_an_operation_under_way_wait(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number(), number(OTHER))
    await store(
        database, f"UPDATE phone_numbers SET status = 'PENDING' WHERE phone_number = '{NUMBER}'"
    )
    done = await imported(
        database_url, number(label="Ann"), member(), login(), number(OTHER, label="Bob")
    )

    assert done.counts == {
        "phone_number": Counts(changed=1, waiting=1),
        "hunt_group_member": Counts(waiting=1),
        "handset_login": Counts(waiting=1),
    }
    assert await rows(database, WAITING) == [
        (kind, "end_of_operation", done.import_id)
        for kind in ("phone_number", "hunt_group_member", "handset_login")
    ]
    assert await rows(database, "SELECT label FROM phone_numbers ORDER BY phone_number") == [
        (None,),
        ("Bob",),
    ]


async def test_import_accepts_lines_in_any_order(database: Database, database_url: str) -> None:
    records = [
        *(login(), member(), call_settings()),
        *(number(), number(MAIN, main_number=True), service()),
    ]
    done = await imported(database_url, *records)

    assert done.counts == {
        kind: Counts(new=2 if kind == "phone_number" else 1) for kind in RecordKind
    }
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


STATUS_EVENTS = """
SELECT convert_from(body, 'UTF8') FROM outbox WHERE message_type LIKE '%status_changed%'
ORDER BY position
"""


async def test_import_publishes_a_changed_status_with_its_id(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number(), number(OTHER))
    done = await imported(database_url, number(status="COOLDOWN"), number(OTHER, label="Ann"))

    found = [json.loads(str(body)) for (body,) in await rows(database, STATUS_EVENTS)]
    (data,) = [event["data"] for event in found]
    assert (data["phone_number"], data["status"], data["previous_status"], data["sequence"]) == (
        *(NUMBER, "COOLDOWN", "RESERVED"),
        1,
    )
    assert (data["operation"], data["command_id"]) == ("directory", done.import_id)


async def test_import_keeps_the_status_of_a_number_that_the_worker_has_activated(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number(status="ACTIVE"))
    done = await imported(database_url, number(label="Ann"))

    assert done.counts == {"phone_number": Counts(changed=1)}
    assert await rows(database, "SELECT status, sequence, label FROM phone_numbers") == [
        ("ACTIVE", 0, "Ann")
    ]
    assert (await imported(database_url, number(label="Ann"))).counts == {
        "phone_number": Counts(unchanged=1)
    }


async def test_import_may_leave_the_status_out(database: Database, database_url: str) -> None:
    await imported(database_url, number(status=None), number(OTHER, status="COOLDOWN"))
    done = await imported(database_url, number(status=None), number(OTHER, status=None))

    assert done.counts == {"phone_number": Counts(unchanged=2)}
    assert await rows(database, "SELECT status FROM phone_numbers ORDER BY phone_number") == [
        ("RESERVED",),
        ("COOLDOWN",),
    ]


async def test_import_counts_a_number_in_use_for_its_account(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number(status="ACTIVE"), number(OTHER))
    message = await refusal(database_url, number(status="ACTIVE", account_id="bolt"))

    assert message == (f"line 1: {NUMBER} is ACTIVE and cannot be taken away: deactivate it first.")
    assert await rows(database, "SELECT account_id, active FROM entitlement_usage") == [("acme", 1)]


async def test_records_of_a_number_that_changes_accounts_are_those_of_the_file(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number(), member(), member(hunt_group_id="group-2"), login())
    done = await imported(database_url, number(account_id="bolt"), member())

    assert done.counts == {
        "phone_number": Counts(changed=1),
        "hunt_group_member": Counts(new=1),
    }
    assert await rows(database, "SELECT hunt_group_id FROM hunt_group_members") == [("group-1",)]
    assert await rows(database, "SELECT 1 FROM handset_logins") == []


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


async def test_import_ignores_a_byte_order_mark_and_empty_lines(database_url: str) -> None:
    lines = [b"\xef\xbb\xbf" + json.dumps(number()).encode() + b"\r\n", b"\n", b"  \n"]

    assert (await import_lines(database_url, lines)).counts == {"phone_number": Counts(new=1)}


async def test_import_does_not_overwrite_a_command_that_commits_first(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number())
    async with database.transaction() as session:
        await session.driver.execute("UPDATE phone_numbers SET status = 'PENDING'")
        importing = asyncio.create_task(imported(database_url, number(label="Ann")))
        await until_a_session_waits(database)

    assert (await importing).counts == {"phone_number": Counts(waiting=1)}
    assert await rows(database, "SELECT status, label FROM phone_numbers") == [("PENDING", None)]


async def test_import_waits_for_a_directory_message_and_keeps_the_next_one_out(
    database: Database, database_url: str
) -> None:
    async with database.transaction() as session:
        await join_directory_writers(session)
        importing = asyncio.create_task(imported(database_url, number()))
        await until_a_session_waits(database)
        assert await rows(database, "SELECT 1 FROM phone_numbers") == []

    assert (await importing).counts == {"phone_number": Counts(new=1)}


UNLOCKED = "SELECT 1 FROM phone_numbers FOR UPDATE SKIP LOCKED"


async def test_command_for_a_number_of_an_import_is_late_and_not_refused(
    database: Database, database_url: str, settings: Settings, platform: Platform
) -> None:
    await imported(database_url, service(), number())
    async with working(database, settings) as worker:
        await until_leading(worker)
        async with database.transaction() as session:
            await session.driver.execute("SELECT FROM entitlement_usage FOR UPDATE")
            # The import has locked the number, and waits for its account.
            importing = asyncio.create_task(imported(database_url, number(label="Ann")))
            await until_a_session_waits(database)
            command = await platform.send("activate", NUMBER)
            await until_a_session_waits(database, sessions=2)
            assert await rows(database, UNLOCKED) == []
        assert (await importing).counts == {"phone_number": Counts(changed=1)}
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    assert await rows(database, "SELECT status, label FROM phone_numbers") == [("ACTIVE", "Ann")]


async def test_import_begins_again_after_a_conflict_with_another_transaction(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [asyncpg.DeadlockDetectedError("of this test")]

    async def conflicting(session: Session, *arguments: Any, **options: Any) -> Applied:
        applied = await apply_changes(session, *arguments, **options)
        if failures:
            raise failures.pop()
        return applied

    monkeypatch.setattr(applying, "apply_changes", conflicting)
    done = await imported(database_url, number(), number(OTHER))

    assert failures == []
    assert done.counts == {"phone_number": Counts(new=2)}
    assert len(await rows(database, "SELECT 1 FROM phone_numbers")) == 2


async def test_messages_of_an_import_go_to_the_partitions_of_their_accounts(
    database: Database, database_url: str
) -> None:
    await store(database, "UPDATE partitioning SET partitions = 8, routed = true")
    held = {NUMBER: "acme", OTHER: "bolt"}
    await imported(database_url, *(number(item, account_id=held[item]) for item in held))
    await imported(
        database_url, *(number(item, status="COOLDOWN", account_id=held[item]) for item in held)
    )

    assert await rows(database, "SELECT subject, partition FROM outbox ORDER BY subject") == [
        (item, partition_of(f"{account}/london", 8)) for item, account in held.items()
    ]


SHORTAGES = """
SELECT convert_from(body, 'UTF8') FROM outbox WHERE message_type LIKE '%entitlement%'
"""


async def test_import_publishes_no_shortage_that_it_ends(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await imported(database_url, service(quantity=1), number(status="ACTIVE"))
    monkeypatch.setattr(staging, "CHUNK_RECORDS", 1)
    await imported(
        database_url, service(ends_on="2020-01-01"), service(service_id="service-2", quantity=1)
    )

    assert await rows(database, SHORTAGES) == []
    assert await rows(database, "SELECT exceeded FROM entitlement_usage") == [(False,)]


async def test_import_publishes_a_shortage_once_with_what_holds_at_its_end(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "CHUNK_RECORDS", 1)
    records = [service(quantity=1), *(number(item, status="ACTIVE") for item in (NUMBER, OTHER))]
    done = await imported(database_url, *records, number(MAIN, status="ACTIVE"))

    ((body,),) = await rows(database, SHORTAGES)
    event = json.loads(str(body))
    assert event["causationid"] == done.import_id
    assert event["data"]["entitlement"] == {"limit": 1, "active": 3, "pending": 0}
    assert await rows(database, "SELECT exceeded FROM entitlement_usage") == [(True,)]


MESSAGE_OF_AN_IMPORT = f"""
INSERT INTO outbox (
    subject, holds_operation, message_id, message_type, exchange, routing_key, correlation_id,
    must_be_routed, body, decided_at, queued_at
) VALUES ('{NUMBER}', false, 'm', 't', 'e', 'k', 'c', false, '', now(), now())
"""


async def test_change_of_the_number_of_partitions_waits_for_an_import(database: Database) -> None:
    async def repartitioned() -> None:
        async with database.transaction() as session:
            await finish_repartition(session, Layout(2, routed=True))

    async with database.transaction() as session:
        assert await partitions_kept(session) == 1
        changing = asyncio.create_task(repartitioned())
        await until_a_session_waits(database)
        await session.driver.execute(MESSAGE_OF_AN_IMPORT)
    await changing

    partition = partition_of(NUMBER, 2)
    assert partition == 1
    assert await rows(database, "SELECT partition FROM outbox") == [(partition,)]


async def test_import_shows_its_progress_through_reading_and_storing(database_url: str) -> None:
    shown: list[tuple[str, int, int]] = []
    lines = [json.dumps(number(f"+4420794{place:05}")) for place in range(5_001)]
    await import_lines(
        database_url, [*lines, json.dumps(service())], progress=lambda *step: shown.append(step)
    )

    assert shown == [
        ("Storing voice_service", 1, 1),
        ("Storing phone_number", 5_000, 5_001),
        ("Storing phone_number", 5_001, 5_001),
    ]


async def until_a_session_waits(database: Database, sessions: int = 1) -> None:
    """Waits until so many sessions of this database wait for a lock."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
    async with asyncio.timeout(90):
        while len(await rows(database, f"{query} AND wait_event_type = 'Lock'")) < sessions:
            await asyncio.sleep(0.02)


async def test_sample_of_the_operations_page_can_be_imported(database_url: str) -> None:
    done = await import_lines(database_url, SAMPLE)

    assert sum(counts.new for counts in done.counts.values()) == len(SAMPLE) == 6
