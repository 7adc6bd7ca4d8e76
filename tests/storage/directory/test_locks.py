"""Records lock the accounts whose services or numbers they may change, and no other."""

import asyncio

import pytest

from tests.support.data.builders import NOW, PHONE_NUMBER
from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.data.stating import login, member, number, service, stated
from tests.support.faults.lossy import until_any
from tests.support.workers import store
from worker.core.directory.change import Change
from worker.core.situation import Holder
from worker.storage.connecting.engine import Database
from worker.storage.directory.applying import apply_changes
from worker.storage.directory.saving import DirectoryContext
from worker.storage.entitlement import load_usages_locked

WAITS = """SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'"""


async def apply(database: Database, change: Change) -> None:
    async with database.transaction() as session:
        await apply_changes(session, DirectoryContext(1, NOW), [change])


@pytest.mark.parametrize("change", [stated(login()), stated(member())], ids=["login", "member"])
async def test_a_record_that_changes_no_service_and_no_number_does_not_wait_for_commands(
    database: Database, change: Change
) -> None:
    await store(database, voice_service(1), phone_numbers(PHONE_NUMBER, status="ACTIVE"))
    async with database.transaction() as command, asyncio.timeout(90):
        await load_usages_locked(command, [Holder("acme", "london")], NOW)
        await apply(database, change)


@pytest.mark.parametrize(
    "change", [stated(service(2)), stated(number(label="Desk"))], ids=["service", "number"]
)
async def test_a_record_of_a_service_or_a_number_waits_for_commands_of_its_account(
    database: Database, change: Change
) -> None:
    await store(database, voice_service(1), phone_numbers(PHONE_NUMBER, status="ACTIVE"))
    async with database.transaction() as command:
        await load_usages_locked(command, [Holder("acme", "london")], NOW)
        applying = asyncio.create_task(apply(database, change))
        await until_any(database, WAITS)
        assert not applying.done()
    async with asyncio.timeout(90):
        await applying
