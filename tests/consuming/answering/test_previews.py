"""Previews from outside: answers at `reply_to` and as events; nothing is changed or stored."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.data.inserts import (
    call_settings,
    handset_login,
    hunt_group_member,
    many_numbers,
    phone_numbers,
    voice_service,
)
from tests.support.partitions import change
from tests.support.platform import Event, Platform, full_subscriber
from tests.support.workers import rows, store, working
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.storage.deployment.rights import TABLES

NUMBER, OTHER, MAIN = "+442079460001", "+442079460002", "+442079460000"
PREVIEWED = "telephony.phone_number.previewed.v1"
NOT_COMMANDS_DOING = {"leadership"}


class Previews:
    """A web tier that asks for previews, and waits for each answer at its own queue."""

    def __init__(self, platform: Platform, queue: str) -> None:
        self._platform = platform
        self.queue = queue
        self.received: list[Event] = []

    async def ask(self, operation: str, number: str, **changes: Any) -> str:
        properties = {"reply_to": self.queue}
        return await self._platform.send(
            operation, number, preview=True, properties=properties, **changes
        )

    async def answer(self, command_id: str, *, place: int = 0) -> Event:
        """The payload of the answer to the preview of this id; of several, the one at `place`."""
        await self._platform.until(lambda: len(self._answers(command_id)) > place)
        answer = self._answers(command_id)[place]
        assert answer["type"] == PREVIEWED
        data: Event = answer["data"]
        return data

    async def of(self, operation: str, number: str, **changes: Any) -> Event:
        """Asks, and returns the payload of the answer."""
        return await self.answer(await self.ask(operation, number, **changes))

    def _answers(self, command_id: str) -> list[Event]:
        return [event for event in self.received if event["causationid"] == command_id]


@pytest.fixture
async def previews(platform: Platform) -> Previews:
    """A web tier with a queue of its own."""
    queue = await platform.channel.declare_queue(exclusive=True)
    opened = Previews(platform, queue.name)
    await platform.collect(queue, opened.received)
    return opened


async def contents(database: Database) -> dict[str, Sequence[tuple[object, ...]]]:
    """Everything that is stored, but who leads."""
    return {
        table: await rows(database, f"SELECT * FROM {table} ORDER BY 1")
        for table in TABLES
        if table not in NOT_COMMANDS_DOING
    }


async def test_a_preview_changes_nothing_and_its_command_follows_under_the_same_id(
    database: Database, settings: Settings, platform: Platform, previews: Previews
) -> None:
    await store(
        database,
        voice_service(2),
        phone_numbers(NUMBER),
        phone_numbers(MAIN, status="ACTIVE", main_number=True),
        call_settings(MAIN),
    )
    async with working(database, settings):
        before = await contents(database)
        preview = await previews.of("activate", NUMBER, id="c-1")
        await platform.until(lambda: [it for it in platform.events if it["type"] == PREVIEWED])
        assert await contents(database) == before
        assert platform.pbx_messages == []

        (event,) = platform.events
        await platform.send("activate", NUMBER, id="c-1")
        await platform.until(lambda: platform.pbx_messages)

    assert (event["data"], event["subject"]) == (preview, NUMBER)
    assert (preview["would"], preview["code"], preview["status"]) == ("be_accepted", None, "ACTIVE")
    *_, pending, active = platform.events
    assert [it["data"]["status"] for it in (pending, active)] == ["PENDING", "ACTIVE"]
    assert preview["entitlement"] == active["data"]["entitlement"]
    (join,) = platform.pbx_messages
    assert preview["messages"] == [
        {
            "type": join["type"],
            "routing_key": "hunt_group_membership.london",
            "data": join["data"],
        }
    ]


async def test_the_preview_of_a_deactivation_shows_what_the_pbx_and_people_have_to_do(
    database: Database, settings: Settings, platform: Platform, previews: Previews
) -> None:
    await store(
        database,
        voice_service(1),
        phone_numbers(NUMBER, status="ACTIVE"),
        hunt_group_member(NUMBER),
        handset_login(NUMBER),
        handset_login(NUMBER, "fax", "analogue"),
    )
    async with working(database, settings):
        preview = await previews.of("deactivate", NUMBER, id="c-1")
        await platform.send("deactivate", NUMBER, id="c-1")
        await platform.until(lambda: len(platform.pbx_messages) == 3)
        again = await previews.of("deactivate", NUMBER, id="c-2")
        repeated = await previews.answer(
            await previews.ask("deactivate", NUMBER, id="c-1"), place=1
        )

    assert [it["data"] for it in preview["messages"]] == sorted(
        (it["data"] for it in platform.pbx_messages),
        key=lambda data: ("hunt_group_id" in data, "device_id" in data),
        reverse=True,
    )
    assert preview["manual_logout"] == [{"device_id": "fax", "device_kind": "analogue"}]
    assert (again["would"], again["code"]) == ("be_refused", "NUMBER_NOT_ACTIVE")
    assert (repeated["would"], repeated["messages"]) == ("be_accepted", [])
    assert "accepted before" in repeated["message"]


async def test_a_preview_is_decided_behind_the_commands_before_it(
    database: Database, settings: Settings, platform: Platform, previews: Previews
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER, OTHER))
    await platform.send("activate", NUMBER, id="c-1")
    await previews.ask("activate", OTHER, id="p-1")
    await platform.send("activate", OTHER, id="c-2")
    async with working(database, settings):
        preview = await previews.answer("p-1")
        await platform.outcome("c-2")

    rejected = next(it for it in platform.events if it["data"].get("command_id") == "c-2")
    for name in ("code", "message", "status", "entitlement", "holders"):
        assert preview[name] == rejected["data"][name]
    assert preview["holders"] == [{"phone_number": NUMBER, "status": "PENDING"}]


async def test_a_refusal_lists_the_first_twenty_holders_and_a_repeat_gets_them_again(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(30), many_numbers(1, 30, "ACTIVE"), phone_numbers(NUMBER))
    answers: list[Event] = []
    replies = await platform.channel.declare_queue(exclusive=True)
    await platform.collect(replies, answers)
    async with working(database, settings):
        for count in (1, 2):
            properties = {"reply_to": replies.name}
            await platform.send("activate", NUMBER, id="c-1", properties=properties)
            await next_answer(platform, answers, count)
            await platform.send("deactivate", "+442070000001", id=f"freed-{count}")
            await platform.outcome(f"freed-{count}")

    first, again = answers
    assert again == first
    assert first["data"]["holders"] == [
        {"phone_number": f"+44207{place:07}", "status": "ACTIVE"} for place in range(1, 21)
    ]


async def next_answer(platform: Platform, answers: list[Event], count: int) -> None:
    await platform.until(lambda: len(answers) == count)


async def test_a_burst_of_previews_delays_no_command_and_each_is_answered(
    database: Database, settings: Settings, platform: Platform, previews: Previews
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    for place in range(600):
        await previews.ask("activate", NUMBER, id=f"p-{place}")
    await platform.send("activate", NUMBER, id="c-1")
    async with working(database, settings):
        assert await platform.outcome("c-1") == ["PENDING", "ACTIVE"]
        await previews.answer("p-599")

    assert len(previews.received) == 600
    assert {it["data"]["would"] for it in previews.received} == {"be_accepted"}


async def test_a_preview_is_answered_at_reply_to_while_a_subscriber_is_full(
    database: Database, settings: Settings, platform: Platform, previews: Previews
) -> None:
    await full_subscriber(platform.channel)
    async with working(database, settings):
        preview = await previews.of("activate", NUMBER)

    assert preview["code"] == "NUMBER_UNKNOWN"
    assert await rows(database, "SELECT 1 FROM outbox") == []


async def test_a_preview_reaches_its_partition(
    database: Database, settings: Settings, previews: Previews
) -> None:
    await store(
        database,
        *(voice_service(1, account) for account in ("acme", "bolt", "zenith")),
        *(
            phone_numbers(f"+44207946100{place}", account_id=account)
            for place, account in enumerate(("acme", "bolt", "zenith"))
        ),
    )
    await change(settings, 2)
    async with working(database, settings):
        answers = [
            await previews.of("activate", f"+44207946100{place}", account_id=account)
            for place, account in enumerate(("acme", "bolt", "zenith"))
        ]

    assert [answer["status"] for answer in answers] == ["ACTIVE"] * 3


async def test_a_command_with_preview_beside_its_data_is_refused_and_not_carried_out(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    event = {
        "specversion": "1.0",
        "id": "c-1",
        "source": "/tests/web-tier",
        "type": "telephony.phone_number.activate.v1",
        "preview": True,
        "data": {"phone_number": NUMBER, "account_id": "acme", "site_id": "london"},
    }
    async with working(database, settings):
        await platform.send_raw(json.dumps(event).encode())
        letter = await platform.dead_letter()

    assert letter.headers["x-error-code"] == "INVALID"
    assert "put it into data" in str(letter.headers["x-error-detail"])
    assert await rows(database, "SELECT status FROM phone_numbers") == [("RESERVED",)]
