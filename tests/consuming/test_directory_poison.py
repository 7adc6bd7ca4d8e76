"""A record that can never be stored is dead-lettered alone; the others of its batch are applied."""

from tests.support.data.awaiting import NUMBER, SITE, of_type
from tests.support.data.records import OTHER
from tests.support.platform import Event, Platform
from tests.support.workers import rows, store, working
from worker.settings import Settings
from worker.storage.connecting.engine import Database

# The contract refuses every value that PostgreSQL would: a data error needs a stricter table.
STRICTER = "ALTER TABLE phone_numbers ADD CONSTRAINT stricter CHECK (label <> 'unstorable')"


async def test_only_the_record_that_cannot_be_stored_is_dead_lettered(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, STRICTER)
    desk: Event = {"device_id": "desk", "device_kind": "digital"}
    await platform.state("phone_number", 1, phone_number=NUMBER, label="before")
    await platform.state("handset_login", 1, phone_number=NUMBER, **desk)
    bad = await platform.state("phone_number", 2, phone_number=NUMBER, label="unstorable")
    await platform.state("hunt_group_member", 1, phone_number=NUMBER, hunt_group_id="sales")
    await platform.state("phone_number", 1, phone_number=OTHER, account_id=None)
    await platform.state("phone_number", 2, phone_number=OTHER)
    async with working(database, settings):
        letter = await platform.dead_letter()
        await platform.until(lambda: of_type(platform.events, "status_changed"))
        command = await platform.send("activate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    assert bad.encode() in letter.body
    assert letter.headers["x-error-code"] == "CANNOT_BE_STORED"
    assert "stricter" in str(letter.headers["x-error-detail"])
    assert letter.headers["x-original-exchange"] == "telephony.directory"
    assert await rows(
        database, "SELECT label, status FROM phone_numbers ORDER BY phone_number"
    ) == [
        ("before", "ACTIVE"),
        (None, "RESERVED"),
    ]
    assert await rows(database, "SELECT device_id FROM handset_logins") == [("desk",)]
    assert await rows(database, "SELECT hunt_group_id FROM hunt_group_members") == [("sales",)]
    # Nothing was remembered of it: a corrected message of the same version is applied.
    versions = f"SELECT version FROM record_versions WHERE record_key = '[\"{NUMBER}\"]'"
    assert await rows(database, versions) == [(1,)]
