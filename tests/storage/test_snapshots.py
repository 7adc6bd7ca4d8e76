"""Snapshots show the numbers of a selection as they were at one moment."""

import tracemalloc
from collections.abc import Sequence

import pytest
from activation_contracts.messages import NUMBERS_PER_PAGE, ReportedNumber
from activation_contracts.values import AtDeadline, NumberStatus, Operation, Step

from tests.support.data.inserts import (
    Expression,
    many_numbers,
    operation,
    outbox_message,
    phone_numbers,
    voice_service,
)
from tests.support.workers import rows, store
from worker.core.messages.snapshots import Selection, pages_of
from worker.core.situation import Usage
from worker.storage.connecting.engine import Database
from worker.storage.queries import query
from worker.storage.snapshots import open_snapshot

NUMBER = "+442079460001"
ACME, LONDON = Selection(account_id="acme"), Selection(site_id="london")
ACME_LONDON = Selection(account_id="acme", site_id="london")


async def reported(database: Database, selection: Selection) -> list[ReportedNumber]:
    async with open_snapshot(database, selection) as snapshot:
        places = range(1, pages_of(snapshot.numbers) + 1)
        numbers = [number for place in places for number in await snapshot.read_page(place)]
    assert len(numbers) == snapshot.numbers
    return numbers


def test_a_fetch_reads_as_many_numbers_as_a_page_holds() -> None:
    assert f"FETCH FORWARD {NUMBERS_PER_PAGE} FROM" in query("fetch_snapshot").sql


def names(numbers: Sequence[ReportedNumber]) -> list[str]:
    return [number.phone_number[-4:] for number in numbers]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection("+442079460002"), ["0002"]),
        (Selection("+442079469999"), []),
        (ACME, ["0001", "0003"]),
        (LONDON, ["0001", "0002", "0004"]),
        (ACME_LONDON, ["0001"]),
        (Selection("+442079460001", "acme", "london"), ["0001"]),
        (Selection("+442079460001", "zenith"), []),
        (Selection(), ["0001", "0002", "0003", "0004"]),
    ],
)
async def test_a_snapshot_holds_the_numbers_to_which_all_criteria_apply_in_order(
    database: Database, selection: Selection, expected: list[str]
) -> None:
    await store(
        database,
        phone_numbers("+442079460004", account_id=None, status="AVAILABLE"),
        phone_numbers("+442079460002", account_id="zenith"),
        phone_numbers("+442079460003", site_id="paris"),
        phone_numbers("+442079460001"),
    )

    assert names(await reported(database, selection)) == expected


async def test_a_snapshot_shows_the_state_of_a_number(database: Database) -> None:
    await store(
        database,
        phone_numbers(
            NUMBER, extension="101", status="ACTIVE", sequence=7, assigned_to="Ada", label="secret"
        ),
        phone_numbers("+442079460000", status="ACTIVE", main_number=True),
    )

    main_number, number = await reported(database, ACME)

    assert number == ReportedNumber(
        phone_number=NUMBER,
        account_id="acme",
        site_id="london",
        extension="101",
        status=NumberStatus.ACTIVE,
        sequence=7,
        main_number=False,
        assigned=True,
        operation=None,
    )
    assert (main_number.main_number, main_number.assigned) == (True, False)


async def test_a_snapshot_shows_the_operation_under_way_and_what_it_waits_for(
    database: Database,
) -> None:
    await store(
        database,
        phone_numbers(NUMBER, status="PENDING"),
        operation(NUMBER, operation="activate", command_id="command-7"),
        outbox_message(NUMBER, holds_operation=True, message_id="event-7"),
    )

    (number,) = await reported(database, ACME)

    under_way = number.operation
    assert under_way is not None
    assert (under_way.operation, under_way.command_id) == (Operation.ACTIVATE, "command-7")
    assert under_way.deadline > under_way.since
    assert under_way.at_deadline is AtDeadline.BACK_TO_RESERVED
    (step,) = under_way.awaiting
    assert (step.step, step.operation_id) == (Step.ACTIVATION, "event-7")
    assert (step.waits_for, step.since, step.attempt) == ("confirm", None, 1)


async def test_a_snapshot_does_not_show_done_steps_nor_the_event_of_a_deactivation(
    database: Database,
) -> None:
    reset = {"message_type": "telephony.extension.reset.v1", "holds_operation": True}
    await store(
        database,
        phone_numbers(NUMBER, status="PENDING"),
        operation(NUMBER, operation="deactivate"),
        outbox_message(NUMBER, holds_operation=True),
        outbox_message(NUMBER, message_id="reset-1", **reset),
        """INSERT INTO pbx_steps (step_id, phone_number, command_source, command_id, step, state,
               attempt, requested_at, message_type, exchange, routing_key, correlation_id,
               must_be_routed, body)
           SELECT 'logout-1', phone_number, 's', 'c', 'handset_logout', 'done', 1, now(),
               'telephony.handset.logout.v1', '', '', '', true, ''
           FROM phone_numbers""",
    )

    (number,) = await reported(database, ACME)

    assert number.operation is not None
    assert number.operation.at_deadline is AtDeadline.NEEDS_A_PERSON
    assert [step.operation_id for step in number.operation.awaiting] == ["reset-1"]


async def test_an_aftermath_is_no_operation_under_way(database: Database) -> None:
    await store(
        database,
        phone_numbers(NUMBER, status="ACTIVE"),
        operation(NUMBER, aftermath="hunt_group_join"),
    )

    (number,) = await reported(database, ACME)

    assert number.operation is None


@pytest.mark.parametrize(
    ("selection", "usage"),
    [
        (ACME_LONDON, Usage(limit=3, active=1, pending=0)),
        (Selection(account_id="zenith", site_id="london"), Usage(0)),
        (ACME, None),
        (LONDON, None),
    ],
)
async def test_a_snapshot_of_one_account_at_one_site_holds_its_usage(
    database: Database, selection: Selection, usage: Usage | None
) -> None:
    tomorrow = Expression("current_date + 1")
    await store(
        database,
        voice_service(3),
        voice_service(5, service_id="later", starts_on=tomorrow),
        phone_numbers(NUMBER, status="ACTIVE"),
    )

    async with open_snapshot(database, selection) as snapshot:
        assert snapshot.usage == usage


async def test_every_page_of_a_snapshot_shows_the_same_moment(database: Database) -> None:
    await store(database, many_numbers(1, 250))
    async with open_snapshot(database, LONDON) as snapshot:
        pages = [await snapshot.read_page(1)]
        await store(
            database,
            "UPDATE phone_numbers SET status = 'ACTIVE', sequence = 1",
            "DELETE FROM phone_numbers WHERE phone_number > '+442070000200'",
            many_numbers(251, 500),
        )
        pages += [await snapshot.read_page(place) for place in (2, 3)]

    assert [len(page) for page in pages] == [100, 100, 50]
    assert {number.status for page in pages for number in page} == {NumberStatus.RESERVED}


async def test_a_snapshot_has_its_moment_by_the_clock_of_the_database(database: Database) -> None:
    async with open_snapshot(database, ACME) as snapshot:
        moment = snapshot.as_of.isoformat()

    query = f"SELECT now() - timestamptz '{moment}' BETWEEN interval '0' AND interval '20 s'"
    assert await rows(database, query) == [(True,)]


async def test_an_empty_snapshot_has_one_empty_page(database: Database) -> None:
    async with open_snapshot(database, ACME) as snapshot:
        assert (snapshot.numbers, await snapshot.read_page(1)) == (0, [])


async def test_a_snapshot_holds_no_transaction_open_while_it_is_read(database: Database) -> None:
    await store(database, many_numbers(1, 250))
    async with open_snapshot(database, LONDON) as snapshot:
        await snapshot.read_page(1)
        open_transactions = await rows(
            database,
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL)",
        )

    assert open_transactions == []


async def test_reading_many_numbers_takes_no_more_memory_than_a_page(database: Database) -> None:
    await store(database, many_numbers(1, 20_000))
    async with open_snapshot(database, LONDON) as snapshot:
        tracemalloc.start()
        try:
            for page in range(1, 201):
                assert len(await snapshot.read_page(page)) == 100
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak_bytes < 1_000_000
