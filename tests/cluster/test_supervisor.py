"""A worker with a real broker and a real database handles commands from delivery to event."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import aio_pika
import pytest
from activation_contracts.catalogue import COMMAND_QUEUE
from activation_contracts.topology import DEAD_LETTER_QUEUE

from tests.support.data.inserts import (
    call_settings,
    handset_login,
    hunt_group_member,
    phone_numbers,
    voice_service,
)
from tests.support.platform import Platform
from tests.support.workers import rows, store, until_leading, working
from worker.settings import Settings
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"
MAIN_NUMBER = "+442079460000"
RESERVED = phone_numbers(NUMBER, extension="101")
MAIN = phone_numbers(MAIN_NUMBER, status="ACTIVE", main_number=True)
CALL_SETTINGS = call_settings(MAIN_NUMBER)


async def test_an_activation_is_pending_and_then_active(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), RESERVED)
    async with working(database, settings):
        command = await platform.send("activate", NUMBER, requested_by="Ada")
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    pending, active = (event["data"] for event in platform.events)
    assert (pending["sequence"], active["sequence"]) == (1, 2)
    assert pending["entitlement"] == {"limit": 1, "active": 0, "pending": 1}
    assert active["entitlement"] == {"limit": 1, "active": 1, "pending": 0}
    assert active["requested_by"] == "Ada"
    assert await rows(database, "SELECT outcome FROM commands") == [("completed",)]
    assert await rows(database, "SELECT 1 FROM outbox UNION SELECT 1 FROM operations") == []


async def test_a_new_number_joins_the_hunt_group_of_an_active_main_number(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(2), RESERVED, MAIN, CALL_SETTINGS)
    async with working(database, settings):
        await platform.send("activate", NUMBER)
        await platform.until(lambda: platform.pbx_messages)

    (join,) = platform.pbx_messages
    assert join["data"]["hunt_group_id"] == "reception"
    assert join["data"]["action"] == "add"
    assert await rows(database, "SELECT * FROM hunt_group_members") == [(NUMBER, "reception")]


async def test_a_deactivation_asks_the_pbx_in_order_and_clears_the_number(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(
        database,
        voice_service(1),
        RESERVED,
        f"""UPDATE phone_numbers SET status = 'ACTIVE', label = 'Desk', features = '{{voicemail}}',
            pin_is_default = false WHERE phone_number = '{NUMBER}'""",
        hunt_group_member(NUMBER),
        handset_login(NUMBER),
        handset_login(NUMBER, "fax", "analogue"),
    )
    async with working(database, settings):
        command = await platform.send("deactivate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]
        await platform.until(lambda: len(platform.events) == 3 and len(platform.pbx_messages) == 3)

    awaited = [step["step"] for step in platform.events[0]["data"]["awaiting"]]
    assert awaited == ["hunt_group_membership", "handset_logout", "extension_reset"]
    reserved = platform.events[1]["data"]
    assert reserved["settings_cleared"] == ["label", "voicemail"]
    assert reserved["manual_logout"] == [{"device_id": "fax", "device_kind": "analogue"}]
    assert platform.events[2]["type"] == "telephony.handset.manual_logout_required.v1"
    number = "SELECT status, label, features, pin_is_default FROM phone_numbers"
    assert await rows(database, number) == [("RESERVED", None, [], True)]
    assert await rows(database, "SELECT hunt_group_id FROM hunt_group_members") == []
    assert await rows(database, "SELECT device_id FROM handset_logins") == []
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(0, 0)]


async def test_a_main_number_that_is_deactivated_loses_its_call_settings(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), MAIN, CALL_SETTINGS)
    async with working(database, settings):
        command = await platform.send("deactivate", MAIN_NUMBER)
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]

    assert platform.events[1]["data"]["settings_cleared"] == ["call_settings"]
    assert await rows(database, "SELECT 1 FROM call_settings") == []


async def test_a_repeated_command_has_no_second_effect(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), RESERVED)
    async with working(database, settings):
        command = await platform.send("activate", NUMBER)
        await platform.outcome(command)
        await platform.send("activate", NUMBER, id=command)
        other = await platform.send("deactivate", NUMBER)
        await platform.outcome(other)

    assert platform.outcome_so_far(command) == ["PENDING", "ACTIVE"]


async def test_worker_rejects_a_command_id_with_different_content(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), RESERVED)
    async with working(database, settings):
        command = await platform.send("activate", NUMBER)
        await platform.outcome(command)
        await platform.send("activate", NUMBER, id=command, requested_by="Eve")
        await platform.send("activate", NUMBER, id=command, requested_by="Eve")
        await platform.until(lambda: "COMMAND_ID_REUSED" in platform.outcome_so_far(command))

    assert len(await rows(database, "SELECT 1 FROM commands")) == 2


async def test_worker_rejects_an_expired_command_with_an_event(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), RESERVED)
    a_minute_ago = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    async with working(database, settings):
        command = await platform.send("activate", NUMBER, expirytime=a_minute_ago)
        assert await platform.outcome(command) == ["COMMAND_EXPIRED"]


async def test_worker_publishes_the_first_event_to_the_reply_queue_too(
    database: Database, settings: Settings, platform: Platform
) -> None:
    replies = await platform.channel.declare_queue(exclusive=True)
    answers: list[dict[str, object]] = []
    await platform.collect(replies, answers)
    properties = {"reply_to": replies.name, "correlation_id": "story-1"}
    async with working(database, settings):
        await platform.send("activate", NUMBER, properties=properties)
        await platform.until(lambda: answers)

    assert answers == platform.events


@pytest.mark.parametrize(
    ("body", "properties", "code"),
    [
        (b"no json", {}, "NOT_JSON"),
        (b"[]", {}, "NOT_A_CLOUDEVENT"),
        (b'{"specversion": "1.0", "type": "a.b.c"}', {}, "TYPE_UNKNOWN"),
        (b"{}", {"content_type": "application/xml"}, "CONTENT_TYPE_UNSUPPORTED"),
        (b'{"a": 1, "a": 2}', {}, "DUPLICATE_KEY"),
        (b"[" * 60_000, {}, "NESTED_TOO_DEEPLY"),
        # RabbitMQ 4 itself refuses more than 16 MiB.
        (b"x" * 15 * 1024 * 1024, {}, "BODY_TOO_LARGE"),
    ],
)
async def test_worker_dead_letters_an_unreadable_message_unchanged_with_the_reason(
    database: Database,
    settings: Settings,
    platform: Platform,
    body: bytes,
    properties: dict[str, str],
    code: str,
) -> None:
    await store(database, voice_service(1), RESERVED)
    async with working(database, settings):
        await platform.send_raw(body, message_id="mine", **properties)
        command = await platform.send("activate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        letter = await platform.dead_letter()

    assert letter.body == body
    assert letter.message_id == "mine"
    assert letter.headers["x-error-code"] == code
    assert letter.headers["x-original-routing-key"] == "phone_number.activate"


async def test_worker_dead_letters_only_the_command_that_is_too_long_for_an_index(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), RESERVED)
    # As long as the contract allows, of characters that do not repeat and take several bytes.
    source = "".join(chr(0x4E00 + place * 7) for place in range(1024))
    data = {"phone_number": NUMBER, "account_id": "acme", "site_id": "london"}
    kind = "telephony.phone_number.activate.v1"
    event = {"specversion": "1.0", "id": "1", "source": source, "type": kind, "data": data}
    async with working(database, settings):
        await platform.send_raw(json.dumps(event).encode())
        command = await platform.send("activate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        letter = await platform.dead_letter()

    assert letter.headers["x-error-code"] == "CANNOT_BE_STORED"


async def test_a_command_with_an_unknown_routing_key_is_dead_lettered(
    platform: Platform,
) -> None:
    exchange = await platform.channel.get_exchange("telephony.commands")
    await exchange.publish(aio_pika.Message(b"stray"), "phone_number.explode")

    assert (await platform.dead_letter()).body == b"stray"


async def test_two_workers_activate_a_hundred_of_five_hundred_numbers_for_a_hundred_services(
    database: Database, settings: Settings, platform: Platform
) -> None:
    numbers = [f"+44207946{index:04}" for index in range(500)]
    await store(database, voice_service(100), phone_numbers(*numbers))
    async with working(database, settings), working(database, settings):
        commands = await asyncio.gather(*(platform.send("activate", it) for it in numbers))
        outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes.count(["PENDING", "ACTIVE"]) == 100
    assert outcomes.count(["ENTITLEMENT_EXHAUSTED"]) == 400
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(100, 0)]
    assert all(
        event["data"]["entitlement"]["active"] + event["data"]["entitlement"]["pending"] <= 100
        for event in platform.events
    )


async def test_a_second_worker_stands_by_and_takes_over_from_a_stopped_one(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), RESERVED)
    async with working(database, settings) as one, working(database, settings) as other:
        leader = await until_leading(one, other)
        assert one.leads != other.leads
        leader.stop()
        successor = other if leader is one else one
        await until_leading(successor)
        command = await platform.send("activate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_worker_keeps_an_unroutable_pbx_message_and_publishes_it_later(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(2), RESERVED, MAIN, CALL_SETTINGS)
    queue = await platform.channel.get_queue("pbx.hunt-group-membership", ensure=False)
    await queue.unbind("telephony.pbx", "hunt_group_membership.*")
    unbound = settings.model_copy(update={"declare_topology": False})
    async with working(database, unbound):
        command = await platform.send("activate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        async with asyncio.timeout(90):
            while not await rows(database, "SELECT 1 FROM outbox WHERE last_error IS NOT NULL"):
                await asyncio.sleep(0.05)
        await queue.bind("telephony.pbx", "hunt_group_membership.*")
        await platform.until(lambda: platform.pbx_messages)

    assert json.dumps(platform.pbx_messages).count('"add"') == 1


async def test_a_worker_completes_the_operations_of_a_stopped_one(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), RESERVED)
    command = await platform.send("activate", NUMBER)
    async with working(database, settings) as worker:
        await until_leading(worker)
        worker.stop()
    async with working(database, settings):
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_worker_stores_a_dead_letter_that_cannot_be_published_before_it_stops(
    database: Database, settings: Settings, platform: Platform
) -> None:
    passive = settings.model_copy(update={"declare_topology": False})
    async with working(database, passive) as worker:
        await until_leading(worker)
        await platform.channel.queue_delete(DEAD_LETTER_QUEUE)
        await platform.send_raw(b"no json")
        await asyncio.sleep(0.5)
        worker.stop()
        async with asyncio.timeout(10):
            while worker.connected:
                await asyncio.sleep(0.05)
        waiting = await platform.channel.declare_queue(COMMAND_QUEUE, passive=True)

    assert waiting.declaration_result.message_count == 0
    assert await rows(database, "SELECT body FROM dead_letters") == [(b"no json",)]
