"""Snapshots hold what decisions may read, as it is once all rows are locked."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import asyncpg
import pytest
from activation_contracts.messages import HOLDERS_MAXIMUM, Activate, Command
from activation_contracts.values import CallTarget, NumberStatus

from tests.support.data.builders import SOURCE, activate, command_data, previewed
from tests.support.data.inserts import (
    call_settings,
    handset_login,
    hunt_group_member,
    many_numbers,
    operation,
    phone_numbers,
    voice_service,
)
from tests.support.faults.lossy import until_any
from tests.support.workers import rows, store
from worker.core.batch import Snapshot
from worker.core.situation import Holder, MainNumber, Usage
from worker.storage.connecting.engine import Database
from worker.storage.connecting.session import Driver
from worker.storage.loading import load_for_commands, load_numbers_with_steps
from worker.storage.queries import query
from worker.storage.rows import NumberRow

NUMBER = "+442079460200"
NOTHING: Mapping[str, int] = {"groups": 0, "logins": 0, "settings": 0}
EVERYTHING = {"groups": 1, "logins": 1, "settings": 1}


@pytest.mark.parametrize(
    ("status", "under_way", "main_number", "expected"),
    [
        pytest.param("ACTIVE", None, False, EVERYTHING, id="may be deactivated"),
        pytest.param("PENDING", "deactivate", False, EVERYTHING, id="is deactivated"),
        pytest.param("RESERVED", "deactivate", False, EVERYTHING, id="was deactivated"),
        pytest.param("PENDING", "activate", False, NOTHING, id="is activated"),
        pytest.param("RESERVED", None, False, NOTHING, id="may be activated"),
        # A compensated activation resets call settings as well.
        pytest.param("PENDING", "activate", True, {**NOTHING, "settings": 1}, id="main, activated"),
        pytest.param("RESERVED", None, True, {**NOTHING, "settings": 1}, id="main, reserved"),
        pytest.param("ACTIVE", None, True, EVERYTHING, id="main, active"),
    ],
)
async def test_a_snapshot_holds_what_a_deactivation_removes(
    database: Database,
    status: str,
    under_way: str | None,
    main_number: bool,  # noqa: FBT001 -- a column of the table
    expected: Mapping[str, int],
) -> None:
    await store(
        database,
        phone_numbers(NUMBER, status=status, main_number=main_number),
        hunt_group_member(NUMBER),
        handset_login(NUMBER),
        call_settings(NUMBER),
        *([operation(NUMBER, operation=under_way)] if under_way else []),
    )

    async with database.transaction() as session:
        known = (await load_numbers_with_steps(session, [NUMBER]))[NUMBER]

    assert {
        "groups": len(known.hunt_groups),
        "logins": len(known.logins),
        "settings": int(known.has_call_settings),
    } == expected


RESERVED = phone_numbers(NUMBER)
SERVICE = voice_service(3)
OTHER_SERVICE = voice_service(3, "zenith")
ACTIVE = phone_numbers("+442079460999", status="ACTIVE")
ACME = Holder("acme", "london")
WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


async def loaded(database: Database, commands: Sequence[Command] = (activate(NUMBER),)) -> Snapshot:
    """The snapshot for these commands."""
    async with database.transaction() as session:
        return await load_for_commands(session, commands, datetime.now(UTC))


async def test_a_snapshot_holds_the_usage_that_the_previous_lock_holder_left(
    database: Database,
) -> None:
    await store(database, RESERVED, SERVICE)
    async with database.transaction() as holder:
        await holder.driver.execute(ACTIVE)
        loading = asyncio.create_task(loaded(database))
        await until_any(database, WAITING)

    assert (await loading).usages == {ACME: Usage(3, 1, 0)}


async def test_a_snapshot_holds_an_account_that_was_opened_during_a_lock_wait(
    database: Database,
) -> None:
    await store(database, RESERVED)
    async with database.transaction() as holder:
        await holder.driver.execute(SERVICE)
        await holder.driver.execute("SELECT FROM phone_numbers FOR UPDATE")
        loading = asyncio.create_task(loaded(database))
        await until_any(database, WAITING)

    assert (await loading).usages == {ACME: Usage(3, 0, 0)}


async def test_loading_must_be_repeated_if_a_missing_number_was_added_meanwhile(
    database: Database,
) -> None:
    await store(database, SERVICE)
    async with database.transaction() as holder:
        await holder.driver.execute("SELECT FROM entitlement_usage FOR UPDATE")
        await holder.driver.execute(RESERVED)
        loading = asyncio.create_task(loaded(database))
        await until_any(database, WAITING)

    with pytest.raises(asyncpg.SerializationError):
        await loading
    assert set((await loaded(database)).numbers) == {NUMBER}


async def test_loading_must_be_repeated_if_a_missing_account_was_opened_meanwhile(
    database: Database,
) -> None:
    await store(database, RESERVED, OTHER_SERVICE)
    of_zenith = command_data("+442079460999").model_copy(update={"account_id": "zenith"})
    commands = [activate(NUMBER), Activate(id="command-2", source=SOURCE, data=of_zenith)]
    async with database.transaction() as holder:
        await holder.driver.execute("SELECT FROM entitlement_usage FOR UPDATE")
        loading = asyncio.create_task(loaded(database, commands))
        await until_any(database, WAITING)
        await store(database, SERVICE)

    with pytest.raises(asyncpg.SerializationError):
        await loading
    assert (await loaded(database, commands)).usages[ACME] == Usage(3, 0, 0)


async def test_saving_a_number_keeps_what_the_previous_lock_holder_wrote(
    database: Database,
) -> None:
    async def activate_number() -> None:
        async with database.transaction() as session:
            await load_for_commands(session, [activate(NUMBER)], datetime.now(UTC))
            pending = NumberRow(NUMBER, "PENDING", sequence=7, blank=False)
            await session.fetch(
                "save_advances",
                numbers=[pending],
                ended=[],
                ended_numbers=[],
                confirmed=[],
                messages=[],
                partition=0,
                now=datetime.now(UTC),
            )

    await store(database, RESERVED)
    async with database.transaction() as holder:
        await holder.driver.execute("UPDATE phone_numbers SET label = 'front desk'")
        activating = asyncio.create_task(activate_number())
        await until_any(database, WAITING)
    await activating

    assert await rows(database, "SELECT status, sequence, label FROM phone_numbers") == [
        ("PENDING", 7, "front desk")
    ]


async def test_the_numbers_that_hold_services_are_loaded_where_none_may_be_free(
    database: Database,
) -> None:
    await store(
        database,
        RESERVED,
        voice_service(2),
        phone_numbers("+442079460009", status="ACTIVE"),
        phone_numbers("+442079460008", status="PENDING"),
        phone_numbers("+442079460007", "+442079460006", status="COOLDOWN"),
        phone_numbers("+442079460005", status="ACTIVE", account_id="zenith"),
        phone_numbers("+442079460004", status="ACTIVE", site_id="paris"),
    )
    snapshot = await loaded(database)
    await store(database, "UPDATE voice_services SET quantity = 3")

    assert {
        holder: [(it.phone_number, it.status) for it in found]
        for holder, found in snapshot.service_holders.items()
    } == {
        ACME: [
            ("+442079460008", NumberStatus.PENDING),
            ("+442079460009", NumberStatus.ACTIVE),
        ]
    }
    assert (await loaded(database)).service_holders == {}


async def test_an_account_whose_numbers_hold_no_service_has_no_holders(database: Database) -> None:
    await store(database, RESERVED)

    assert (await loaded(database)).service_holders == {ACME: ()}


async def test_service_holders_are_read_in_the_order_of_an_index_also_by_an_old_plan(
    database: Database,
) -> None:
    sql, parameters = query("load_service_holders")
    values = {"account_ids": ["acme"], "site_ids": ["london"], "maximum": HOLDERS_MAXIMUM}
    arguments = [values[name] for name in parameters]
    async with database.transaction() as session:
        # The plan is kept, and was made while there was no number.
        assert await session.driver.fetch(sql, *arguments) == []
        await session.driver.execute(many_numbers(1, 20_000, "ACTIVE"))
        before = await numbers_read(session.driver)
        found = await session.driver.fetch(sql, *arguments)
        read = await numbers_read(session.driver) - before

    assert [row["phone_number"] for row in found] == [
        f"+44207{place:07}" for place in range(1, HOLDERS_MAXIMUM + 1)
    ]
    assert read <= HOLDERS_MAXIMUM + 1


async def numbers_read(driver: Driver) -> int:
    """How many numbers this transaction has read so far."""
    read: int = await driver.fetchval(
        """SELECT pg_stat_get_xact_tuples_fetched(relid) + pg_stat_get_xact_tuples_returned(relid)
        FROM pg_stat_user_tables WHERE relname = 'phone_numbers'"""
    )
    return read


@pytest.mark.parametrize("is_preview", [True, False], ids=["preview", "command"])
async def test_the_main_number_is_loaded_for_a_preview(
    database: Database,
    is_preview: bool,  # noqa: FBT001 -- a row of the table
) -> None:
    main = "+442079460000"
    await store(
        database,
        SERVICE,
        RESERVED,
        phone_numbers(main, main_number=True, status="ACTIVE"),
        call_settings(main),
    )
    command = activate(NUMBER)
    snapshot = await loaded(database, [previewed(command) if is_preview else command])

    targets = frozenset({CallTarget.HUNT_GROUP, CallTarget.NONE})
    expected = MainNumber(main, NumberStatus.ACTIVE, "reception", targets)
    assert snapshot.main_numbers == ({ACME: expected} if is_preview else {})
