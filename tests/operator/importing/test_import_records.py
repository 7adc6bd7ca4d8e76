"""What an import stores, publishes and leaves as it is."""

import json
from pathlib import Path

import pytest
from activation_contracts.records import RecordKind

from tests.support.data.records import (
    MAIN,
    NUMBER,
    OTHER,
    call_settings,
    imported,
    login,
    member,
    number,
    refusal,
    service,
)
from tests.support.workers import rows, store
from worker.operator.importing.applying import Counts
from worker.operator.importing.import_records import import_lines
from worker.storage.connecting.engine import Database
from worker.storage.directory import staging

PAGE = Path(__file__).parents[3] / "worker" / "docs" / "operations.md"
SAMPLE = [
    line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith('    {"kind"')
]

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


async def test_import_ignores_a_byte_order_mark_and_empty_lines(database_url: str) -> None:
    lines = [b"\xef\xbb\xbf" + json.dumps(number()).encode() + b"\r\n", b"\n", b"  \n"]

    assert (await import_lines(database_url, lines)).counts == {"phone_number": Counts(new=1)}


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


async def test_sample_of_the_operations_page_can_be_imported(database_url: str) -> None:
    done = await import_lines(database_url, SAMPLE)

    assert sum(counts.new for counts in done.counts.values()) == len(SAMPLE) == 6
