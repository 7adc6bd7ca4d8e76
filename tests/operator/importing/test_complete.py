"""`import --complete`: the file is the whole truth for the sites that it names."""

import json

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
from tests.support.workers import rows, store
from worker.operator.importing.applying import Counts
from worker.storage.connecting.engine import Database

NUMBERS = "SELECT phone_number FROM phone_numbers ORDER BY phone_number"


async def test_complete_import_deletes_what_the_file_lacks_at_its_sites(
    database: Database, database_url: str
) -> None:
    paris = (number("+33140000001", site_id="paris"), service(service_id="s-2", site_id="paris"))
    main = number(MAIN, main_number=True)
    await imported(
        database_url,
        *(service(), main, number(), number(OTHER), call_settings(), member(), login(OTHER)),
        *(*paris, member("+33140000001")),
    )
    done = await imported(database_url, number(), main, complete=True)

    assert done.counts == {
        RecordKind.VOICE_SERVICE: Counts(deleted=1),
        RecordKind.PHONE_NUMBER: Counts(unchanged=2, deleted=1),
        RecordKind.CALL_SETTINGS: Counts(deleted=1),
        RecordKind.HUNT_GROUP_MEMBER: Counts(deleted=1),
        RecordKind.HANDSET_LOGIN: Counts(deleted=1),
    }
    assert await rows(database, NUMBERS) == [("+33140000001",), (NUMBER,), (MAIN,)]
    assert await rows(database, "SELECT phone_number FROM hunt_group_members") == [
        ("+33140000001",)
    ]
    assert await rows(database, "SELECT service_id FROM voice_services") == [("s-2",)]


async def test_incomplete_import_deletes_nothing(database: Database, database_url: str) -> None:
    await imported(database_url, service(), number(), number(OTHER), member())
    done = await imported(database_url, number())

    assert done.counts == {RecordKind.PHONE_NUMBER: Counts(unchanged=1)}
    assert len(await rows(database, NUMBERS)) == 2


async def test_complete_import_refuses_to_delete_a_number_in_use(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number(), number(OTHER, status="ACTIVE"), member())
    message = await refusal(database_url, number(), complete=True)

    assert message == (
        f"phone_number {OTHER} is missing: {OTHER} is ACTIVE and cannot be taken away: deactivate"
        " it first."
    )
    assert await rows(database, "SELECT 1 FROM hunt_group_members") == [(1,)]


async def test_deletions_of_a_complete_import_wait_for_the_end_of_an_operation(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number(), number(OTHER), login())
    await store(
        database, f"UPDATE phone_numbers SET status = 'PENDING' WHERE phone_number = '{NUMBER}'"
    )
    done = await imported(database_url, number(OTHER), complete=True)

    assert done.counts == {
        RecordKind.PHONE_NUMBER: Counts(unchanged=1, waiting=1),
        RecordKind.HANDSET_LOGIN: Counts(waiting=1),
    }
    assert await rows(database, "SELECT kind, deleted FROM waiting_records ORDER BY position") == [
        ("handset_login", True),
        ("phone_number", True),
    ]


WAITING = """
INSERT INTO waiting_records (phone_number, waits_for, kind, record, deleted, version,
    cause_source, cause_id, correlation_id, waiting_since)
VALUES ('{}', '{}', '{}', '{}', false, 4, '/platform', 'message-1', 'message-1', now())
"""


async def test_complete_import_deletes_what_waited_for_its_numbers_and_is_missing(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number(MAIN))
    waiting = [
        (NUMBER, "number", member()),
        (NUMBER, "number", login()),
        (MAIN, "main_number", call_settings()),
    ]
    await store(
        database,
        *(
            WAITING.format(item, reason, record["kind"], json.dumps(record))
            for item, reason, record in waiting
        ),
    )
    await imported(
        database_url,
        *(number(MAIN, main_number=True), number(), member(hunt_group_id="group-2")),
        complete=True,
    )

    assert await rows(database, "SELECT hunt_group_id FROM hunt_group_members") == [("group-2",)]
    for table in ("handset_logins", "call_settings", "waiting_records"):
        assert await rows(database, f"SELECT 1 FROM {table}") == []
    assert await rows(database, "SELECT version FROM record_versions") == [(4,)] * 3


async def test_number_that_moves_between_sites_of_the_file_is_not_deleted(
    database_url: str,
) -> None:
    await imported(database_url, number(), number(OTHER, site_id="paris"))
    moved = (number(site_id="paris"), number(OTHER, site_id="london"))
    done = await imported(database_url, *moved, complete=True)

    assert done.counts == {RecordKind.PHONE_NUMBER: Counts(changed=2)}


async def test_complete_import_can_replace_a_main_number_and_make_a_former_phone_one(
    database: Database, database_url: str
) -> None:
    await imported(database_url, number(MAIN, main_number=True), number(), login())
    done = await imported(database_url, number(main_number=True), complete=True)

    assert done.counts[RecordKind.PHONE_NUMBER] == Counts(changed=1, deleted=1)
    assert await rows(database, NUMBERS) == [(NUMBER,)]


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ([], "line 1: there is no record: the file is empty"),
        ([member()], "no service and no number is in the file"),
    ],
)
async def test_complete_import_refuses_a_file_that_names_no_site(
    database: Database, database_url: str, records: list[Fields], problem: str
) -> None:
    await imported(database_url, number(), member())

    assert (await refusal(database_url, *records, complete=True)).startswith(problem)
    assert len(await rows(database, NUMBERS)) == 1
