"""Snapshots hold what decisions may read, as it is once all rows are locked."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import asyncpg
import pytest
from activation_contracts.messages import Activate, Command

from tests.support.data.builders import SOURCE, activate, command_data
from tests.support.data.inserts import (
    call_settings,
    handset_login,
    hunt_group_member,
    operation,
    phone_numbers,
    voice_service,
)
from tests.support.faults.lossy import until_any
from tests.support.workers import rows, store
from worker.core.batch import Snapshot
from worker.core.situation import AccountAtSite, Usage
from worker.storage.connecting.engine import Database
from worker.storage.loading import load_for_commands, load_numbers_with_steps
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
ACME = AccountAtSite("acme", "london")
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
