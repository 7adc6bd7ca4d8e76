"""What decisions may look at: all that matters, as it is once everything is locked."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import asyncpg
import pytest

from contracts.messages import Activate, Command
from tests.support.builders import SOURCE, activate, command_data
from tests.support.lossy import until_any
from tests.support.workers import rows, store
from worker.core.batch import Snapshot
from worker.core.situation import AccountAtSite, Usage
from worker.storage.engine import Database
from worker.storage.loading import load_for_commands, load_numbers_with_steps
from worker.storage.rows import NumberRow

NUMBER = "+442079460200"
MEMBERSHIP = f"INSERT INTO hunt_group_members VALUES ('{NUMBER}', 'reception')"
LOGIN = f"INSERT INTO handset_logins VALUES ('{NUMBER}', 'desk-7', 'digital')"
SETTINGS = f"INSERT INTO call_settings VALUES ('{NUMBER}', NULL, 'voicemail', 'none', 'none')"
OPERATION = """INSERT INTO operations (
    phone_number, operation, command_source, command_id, fingerprint, correlation_id, since,
    at_risk_at, deadline
) VALUES ('{}', '{}', '/web', 'c-1', 'f', 'c-1', now(), now(), now())"""
NOTHING: Mapping[str, int] = {"groups": 0, "logins": 0, "settings": 0}
EVERYTHING = {"groups": 1, "logins": 1, "settings": 1}


@pytest.mark.parametrize(
    ("status", "operation", "main_number", "expected"),
    [
        pytest.param("ACTIVE", None, False, EVERYTHING, id="may be deactivated"),
        pytest.param("PENDING", "deactivate", False, EVERYTHING, id="is deactivated"),
        pytest.param("RESERVED", "deactivate", False, EVERYTHING, id="was deactivated"),
        pytest.param("PENDING", "activate", False, NOTHING, id="is activated"),
        pytest.param("RESERVED", None, False, NOTHING, id="may be activated"),
        # An activation that is undone resets them as well.
        pytest.param("PENDING", "activate", True, {**NOTHING, "settings": 1}, id="main, activated"),
        pytest.param("RESERVED", None, True, {**NOTHING, "settings": 1}, id="main, reserved"),
        pytest.param("ACTIVE", None, True, EVERYTHING, id="main, active"),
    ],
)
async def test_what_may_be_taken_away_is_known(
    database: Database,
    status: str,
    operation: str | None,
    main_number: bool,  # noqa: FBT001 -- a column of the table
    expected: Mapping[str, int],
) -> None:
    number = f"('{NUMBER}', 'london', 'acme', '{status}', {main_number})"
    await store(
        database,
        f"INSERT INTO phone_numbers (phone_number, site_id, account_id, status, main_number)"
        f" VALUES {number}",
        *(MEMBERSHIP, LOGIN, SETTINGS),
        *([OPERATION.format(NUMBER, operation)] if operation else []),
    )

    async with database.transaction() as session:
        known = (await load_numbers_with_steps(session, [NUMBER]))[NUMBER]

    assert {
        "groups": len(known.hunt_groups),
        "logins": len(known.logins),
        "settings": int(known.has_call_settings),
    } == expected


RESERVED = f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, status)
    VALUES ('{NUMBER}', 'london', 'acme', 'RESERVED')"""
SERVICE = """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('s-1', 'acme', 'occupier', 'london', 3)"""
OTHER_SERVICE = SERVICE.replace("'s-1', 'acme'", "'s-2', 'zenith'")
ACTIVE = """INSERT INTO phone_numbers (phone_number, site_id, account_id, status)
    VALUES ('+442079460999', 'london', 'acme', 'ACTIVE')"""
ACME = AccountAtSite("acme", "london")
WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


async def loaded(database: Database, commands: Sequence[Command] = (activate(NUMBER),)) -> Snapshot:
    """What is known for these commands."""
    async with database.transaction() as session:
        return await load_for_commands(session, commands, datetime.now(UTC))


async def test_a_usage_that_was_waited_for_is_the_one_that_its_holder_left(
    database: Database,
) -> None:
    await store(database, RESERVED, SERVICE)
    async with database.transaction() as holder:
        await holder.driver.execute(ACTIVE)
        loading = asyncio.create_task(loaded(database))
        await until_any(database, WAITING)

    assert (await loading).usages == {ACME: Usage(3, 1, 0)}


async def test_an_account_that_was_opened_while_its_number_was_waited_for_is_known(
    database: Database,
) -> None:
    await store(database, RESERVED)
    async with database.transaction() as holder:
        await holder.driver.execute(SERVICE)
        await holder.driver.execute("SELECT FROM phone_numbers FOR UPDATE")
        loading = asyncio.create_task(loaded(database))
        await until_any(database, WAITING)

    assert (await loading).usages == {ACME: Usage(3, 0, 0)}


async def test_who_misses_a_number_that_is_added_meanwhile_begins_again(
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


async def test_who_misses_an_account_that_is_opened_meanwhile_begins_again(
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


async def test_a_number_that_was_changed_while_it_was_waited_for_is_written_where_it_stands_now(
    database: Database,
) -> None:
    async def activated() -> None:
        async with database.transaction() as session:
            await load_for_commands(session, [activate(NUMBER)], datetime.now(UTC))
            moved = NumberRow(NUMBER, "PENDING", sequence=7, blank=False)
            await session.fetch(
                "save_advances",
                numbers=[moved],
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
        activating = asyncio.create_task(activated())
        await until_any(database, WAITING)
    await activating

    assert await rows(database, "SELECT status, sequence, label FROM phone_numbers") == [
        ("PENDING", 7, "front desk")
    ]
