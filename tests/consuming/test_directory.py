"""Directory messages keep the worker in step with the platform, seen from outside."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.data.awaiting import (
    ACTIVE_MAIN_NUMBER,
    MAKE_ACTIVE,
    NUMBER,
    SITE,
    awaiting,
    of_type,
    pending_event,
)
from tests.support.data.inserts import handset_login, hunt_group_member
from tests.support.platform import Event, Platform
from tests.support.workers import rows, store, working
from worker.operator.show import render_missing, render_number, show_missing, show_number
from worker.settings import Settings
from worker.storage.connecting.engine import Database

LOGINS = "SELECT device_id, device_kind FROM handset_logins"
MEMBERS = "SELECT hunt_group_id FROM hunt_group_members"
NUMBERS = "SELECT status, account_id, label, sequence FROM phone_numbers"
WAITING = "SELECT kind, version FROM waiting_records ORDER BY position"


def statuses(platform: Platform) -> list[Event]:
    return of_type(platform.events, "status_changed")


async def until(database: Database, query: str, expected: Sequence[tuple[object, ...]]) -> None:
    """Waits until the query returns these rows."""
    async with asyncio.timeout(90):
        while await rows(database, query) != expected:
            await asyncio.sleep(0.02)


async def test_a_platform_provisions_a_site_by_messages_and_a_number_is_activated(
    database: Database, settings: Settings, platform: Platform
) -> None:
    async with working(database, settings):
        # A membership may come before its number: it waits.
        await platform.state("hunt_group_member", 1, hunt_group_id="sales", phone_number=NUMBER)
        await platform.state("phone_number", 1, phone_number=NUMBER, account_id=None)
        await platform.state("phone_number", 2, phone_number=NUMBER, extension="101")
        await platform.until(lambda: statuses(platform))
        refused = await platform.send("activate", NUMBER)
        assert await platform.outcome(refused) == ["ENTITLEMENT_EXHAUSTED"]

        service: Event = {
            "service_id": "service-1",
            "account_id": "acme",
            "account_kind": "occupier",
        }
        await platform.state("voice_service", 1, **service, site_id="london", quantity=1)
        desk: Event = {"device_id": "desk", "device_kind": "digital"}
        await platform.state("handset_login", 1, phone_number=NUMBER, **desk)
        await until(database, LOGINS, [("desk", "digital")])
        accepted = await platform.send("activate", NUMBER)
        assert await platform.outcome(accepted) == ["PENDING", "ACTIVE"]

    allocated, pending, active = statuses(platform)
    assert (allocated["operation"], allocated["previous_status"]) == ("directory", "AVAILABLE")
    assert [data["sequence"] for data in (allocated, pending, active)] == [1, 2, 3]
    assert await rows(database, MEMBERS) == [("sales",)]


async def test_records_of_a_pending_number_wait_and_are_applied_when_its_operation_ends(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, awaiting(settings, "activation")):
        command = await platform.send("activate", NUMBER)
        pending = await pending_event(platform)
        await platform.state("phone_number", 1, phone_number=NUMBER, label="first")
        await platform.state("phone_number", 2, phone_number=NUMBER, assigned_to="ada")
        await until(database, WAITING, [("phone_number", 1), ("phone_number", 2)])
        shown = await show_number(settings, NUMBER)
        assert shown is not None
        assert "waiting record  phone_number version 2 since" in render_number(shown)
        assert await rows(database, NUMBERS) == [("PENDING", "acme", None, 1)]

        await platform.answer(pending["id"], "done")
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        # The command that comes next is decided on what had waited.
        refused = await platform.send("deactivate", NUMBER)
        assert await platform.outcome(refused) == ["NUMBER_ASSIGNED"]

    assert await rows(database, WAITING) == []
    assert await rows(database, NUMBERS) == [("ACTIVE", "acme", None, 2)]


async def test_show_names_the_version_that_is_held_and_the_version_that_deleted_a_number(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    unknown = render_missing(await show_missing(settings, NUMBER + "9"))
    before = await show_number(settings, NUMBER)
    async with working(database, settings):
        await platform.state("phone_number", 7, phone_number=NUMBER, label="first")
        await until(database, NUMBERS, [("RESERVED", "acme", "first", 0)])
        after = await show_number(settings, NUMBER)
        await platform.state("phone_number", 8, deleted=True, phone_number=NUMBER)
        await until(database, NUMBERS, [])
    deleted = render_missing(await show_missing(settings, NUMBER))

    assert "not stated it to the worker" in unknown
    assert before is not None
    assert "directory       no message was applied to it" in render_number(before)
    assert after is not None
    assert "directory       version 7" in render_number(after)
    assert deleted == (
        f"{NUMBER} is not provisioned. The platform has deleted it. Its last sequence is 1, the"
        " last version of its record 8."
    )


async def test_records_wait_through_the_death_of_their_worker(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    silent = awaiting(settings, "activation")
    async with working(database, silent):
        command = await platform.send("activate", NUMBER)
        pending = await pending_event(platform)
        await platform.state("phone_number", 1, phone_number=NUMBER, label="desk")
        await until(database, WAITING, [("phone_number", 1)])
    await platform.answer(pending["id"], "done")
    async with working(database, silent):
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    assert await rows(database, NUMBERS) == [("ACTIVE", "acme", "desk", 2)]


async def test_a_member_that_left_by_hand_is_not_taken_out_again(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MAKE_ACTIVE, hunt_group_member(NUMBER, "sales"))
    async with working(database, settings):
        await platform.state(
            "hunt_group_member", 1, deleted=True, hunt_group_id="sales", phone_number=NUMBER
        )
        await until(database, MEMBERS, [])
        await platform.state(
            "handset_login", 9, deleted=True, phone_number=NUMBER, device_id="desk-7"
        )
        await until(database, LOGINS, [])
        command = await platform.send("deactivate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]

    assert [message["type"] for message in platform.pbx_messages] == [
        "telephony.extension.reset.v1"
    ]


async def test_the_next_holder_of_a_number_does_not_touch_the_groups_of_the_former_one(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, hunt_group_member(NUMBER, "group-of-acme"))
    service: Event = {"service_id": "service-2", "account_id": "globex", "account_kind": "operator"}
    async with working(database, settings):
        await platform.state("voice_service", 1, **service, site_id="london", quantity=1)
        await platform.state("phone_number", 1, phone_number=NUMBER, account_id="globex")
        await until(database, NUMBERS, [("RESERVED", "globex", None, 0)])
        for operation, final in (("activate", "ACTIVE"), ("deactivate", "RESERVED")):
            command = await platform.send(operation, NUMBER, account_id="globex")
            assert await platform.outcome(command) == ["PENDING", final]

    assert [message["type"] for message in platform.pbx_messages] == [
        "telephony.extension.reset.v1"
    ]


FAX = ("fax", "analogue")
OPEN_LOGOUTS = "SELECT device_id, closed_by FROM manual_logouts ORDER BY required_at"


async def test_a_login_that_ends_closes_what_was_asked_of_people_for_it(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MAKE_ACTIVE, handset_login(NUMBER, *FAX))
    async with working(database, settings):
        command = await platform.send("deactivate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]
        assert await rows(database, OPEN_LOGOUTS) == [("fax", None)]
        await platform.state("handset_login", 2, deleted=True, phone_number=NUMBER, device_id="fax")
        await until(database, OPEN_LOGOUTS, [("fax", "directory")])


async def test_no_one_is_asked_to_log_out_a_device_whose_login_ended_meanwhile(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MAKE_ACTIVE, handset_login(NUMBER, *FAX))
    async with working(database, awaiting(settings, "extension_reset")):
        command = await platform.send("deactivate", NUMBER)
        await platform.until(lambda: len(platform.pbx_messages) == 2)
        await platform.state("handset_login", 2, deleted=True, phone_number=NUMBER, device_id="fax")
        await until(database, WAITING, [("handset_login", 2)])
        await platform.answer(platform.pbx_messages[-1]["id"], "done")
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]

    assert of_type(platform.events, "manual_logout_required") == []
    assert await rows(database, OPEN_LOGOUTS) == []
    assert await rows(database, LOGINS) == []


async def test_an_active_number_that_would_be_taken_away_is_a_conflict(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MAKE_ACTIVE)
    async with working(database, settings):
        moved = await platform.state("phone_number", 1, phone_number=NUMBER, account_id="globex")
        await platform.until(lambda: of_type(platform.events, "conflict"))
        command = await platform.send("deactivate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]
        # Nothing was remembered of it: the same message is applied now.
        await platform.state("phone_number", 1, phone_number=NUMBER, account_id="globex")
        await until(database, "SELECT account_id FROM phone_numbers", [("globex",)])

    (conflict,) = of_type(platform.events, "conflict")
    assert (conflict["code"], conflict["command_id"]) == ("NUMBER_IN_USE", moved)


async def test_a_successor_becomes_the_main_number_before_its_predecessor_ends_in_one_batch(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *ACTIVE_MAIN_NUMBER)
    main = "SELECT phone_number FROM phone_numbers WHERE main_number"
    (before,) = await rows(database, main)
    await platform.state("phone_number", 1, phone_number=before[0], status="ACTIVE")
    await platform.state("phone_number", 1, phone_number=NUMBER, main_number=True)
    async with working(database, settings):
        await until(database, main, [(NUMBER,)])
    assert await rows(database, "SELECT 1 FROM call_settings") == []


async def test_a_main_number_whose_call_settings_change_beside_another_number_stays_one(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *ACTIVE_MAIN_NUMBER)
    main = "SELECT phone_number FROM phone_numbers WHERE main_number"
    (before,) = await rows(database, main)
    slots: Event = dict.fromkeys(("in_hours", "out_of_hours", "unanswered"), "none")
    # One batch: the messages wait before the worker starts.
    await platform.state("call_settings", 1, phone_number=before[0], **slots)
    await platform.state("phone_number", 1, phone_number=NUMBER, label="desk")
    async with working(database, settings):
        await until(database, "SELECT label FROM phone_numbers WHERE label = 'desk'", [("desk",)])
    assert await rows(database, main) == [before]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("features", {"pin": "4711"}),
        ("features", ["authorization_code=4711"]),
        ("features", "4711"),
        ("pin_is_default", "4711"),
        ("label", {"pin": "4711"}),
    ],
)
async def test_a_directory_message_that_cannot_be_read_is_dead_lettered_without_its_values(
    database: Database, settings: Settings, platform: Platform, field: str, value: Any
) -> None:
    async with working(database, settings):
        await platform.state("phone_number", 1, phone_number=NUMBER, **{field: value})
        letter = await platform.dead_letter()
        await platform.state("phone_number", 1, phone_number=NUMBER)
        await until(database, NUMBERS, [("RESERVED", "acme", None, 0)])

    assert letter.headers["x-error-code"] == "INVALID"
    detail = str(letter.headers["x-error-detail"])
    assert f"data.{field}" in detail
    assert "4711" not in detail
    assert letter.headers["x-original-exchange"] == "telephony.directory"
