"""Requests that no queue takes: the deadline holds, and nothing arrives after the end."""

import asyncio
from typing import Any

import pytest

from tests.support.data.inserts import handset_login, phone_numbers, voice_service
from tests.support.faults.lossy import until_none
from tests.support.platform import Platform, full_subscriber, platform_at
from tests.support.workers import rows, store, working
from worker.core.operations.results import Resolution
from worker.operator.resolve import resolve_number
from worker.operator.send import send_command
from worker.settings import Settings
from worker.storage.acts import Author
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"
RESERVED = (voice_service(2), phone_numbers(NUMBER, extension="101"))
ACTIVE = (
    voice_service(2),
    phone_numbers(NUMBER, extension="101", status="ACTIVE"),
    handset_login(NUMBER),
)
ACTIVATE = {"operation": "activate", "number": NUMBER, "account": "acme", "site": "london"}


def awaiting(settings: Settings, *steps: str, **changes: float) -> Settings:
    """Settings of a worker that awaits results of these steps."""
    return Settings.model_validate(
        {
            **settings.model_dump(),
            "awaited_steps": steps,
            "sweep_interval_seconds": 0.05,
            "declare_topology": False,
            **changes,
        }
    )


async def until_found(database: Database, query: str) -> None:
    async with asyncio.timeout(90):
        while not await rows(database, query):
            await asyncio.sleep(0.02)


def statuses_of(events: list[dict[str, Any]]) -> list[int]:
    """The sequence of each change of status."""
    return [event["data"]["sequence"] for event in events if "previous_status" in event["data"]]


def described(events: list[dict[str, Any]]) -> list[str]:
    return [event["data"].get("code") or event["data"]["status"] for event in events]


async def test_an_overdue_activation_asks_for_nothing_any_more(
    database: Database, settings: Settings, amqp_url: str
) -> None:
    await store(database, *RESERVED)
    # No queue is bound to events: PENDING, which requests the activation, reaches no PBX.
    hasty = awaiting(
        settings, "activation", operation_at_risk_seconds=0.5, operation_time_allowed_seconds=0.5
    )
    async with working(database, hasty):
        await send_command(settings, ACTIVATE, wait_seconds=None, on_event=lambda _: None)
        await until_found(database, "SELECT 1 FROM commands WHERE outcome = 'failed'")
        assert await rows(database, "SELECT status FROM phone_numbers") == [("RESERVED",)]
        async with asyncio.timeout(90):
            while await rows(database, "SELECT 1 FROM outbox"):
                await asyncio.sleep(0.02)
        async with platform_at(amqp_url) as platform:
            await asyncio.sleep(1)

    # All its events, PENDING too, were published before a queue was bound: none needed a queue.
    assert platform.events == []
    assert [message["type"] for message in platform.pbx_messages] == [
        "telephony.extension.reset.v1"
    ]
    (detail,) = await rows(database, "SELECT detail FROM commands")
    assert "could not be published" in str(detail[0])


@pytest.mark.parametrize(
    ("resolution", "following"),
    [(Resolution.GIVE_UP, ["GIVEN_UP", "RESERVED"]), (Resolution.DONE, ["ACTIVE"])],
)
async def test_the_unsent_pending_event_of_an_activation_that_an_operator_ended_is_published_first(
    database: Database,
    settings: Settings,
    amqp_url: str,
    resolution: Resolution,
    following: list[str],
) -> None:
    await store(database, *RESERVED)
    waiting = awaiting(settings, "activation")
    async with working(database, waiting):
        await send_command(settings, ACTIVATE, wait_seconds=None, on_event=lambda _: None)
        await until_found(database, "SELECT 1 FROM outbox WHERE attempts > 0")
    async with platform_at(amqp_url) as platform:
        await resolve_number(waiting, NUMBER, resolution, Author("Ada", "gone"))
        async with working(database, waiting):
            await platform.until(lambda: len(platform.events) > len(following))

    assert described(platform.events) == ["PENDING", *following]
    assert statuses_of(platform.events) == [1, 2]


async def test_an_activation_that_no_pbx_could_get_and_an_operator_did_by_hand_is_published(
    database: Database, settings: Settings
) -> None:
    await store(database, *RESERVED)
    waiting = awaiting(settings, "activation")
    async with working(database, waiting):
        await send_command(settings, ACTIVATE, wait_seconds=None, on_event=lambda _: None)
        await until_found(database, "SELECT 1 FROM outbox WHERE attempts > 0")
        await resolve_number(waiting, NUMBER, Resolution.DONE, Author("Ada", "by hand"))
        # Still no queue is bound to events, and PENDING holds ACTIVE back no more.
        await until_found(database, "SELECT 1 FROM phone_numbers WHERE status = 'ACTIVE'")
        await until_none(database, "SELECT 1 FROM outbox")


async def test_a_full_queue_of_a_subscriber_leaves_no_gap_in_the_sequence(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *RESERVED)
    full = await full_subscriber(platform.channel)
    hasty = awaiting(settings, operation_at_risk_seconds=0.5, operation_time_allowed_seconds=0.5)
    async with working(database, hasty):
        await platform.send("activate", NUMBER)
        await until_found(database, "SELECT 1 FROM commands WHERE outcome = 'failed'")
        received: list[dict[str, Any]] = []
        await platform.collect(full, received)
        await platform.until(lambda: "RESERVED" in described(received))

    assert described(received) == ["PENDING", "DEADLINE_PASSED", "RESERVED"]
    assert statuses_of(received) == [1, 2]


async def test_a_deactivation_whose_request_no_queue_takes_needs_an_operator_at_its_deadline(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *ACTIVE)
    await platform.channel.queue_delete("pbx.handset-logout")
    hasty = awaiting(settings, operation_at_risk_seconds=0.5, operation_time_allowed_seconds=0.5)
    async with working(database, hasty):
        await platform.send("deactivate", NUMBER)
        await platform.until(lambda: "DEADLINE_PASSED" in described(platform.events))

    (failed,) = (event for event in platform.events if event["data"].get("code"))
    assert failed["data"]["needs_a_person"]
    assert failed["data"]["status"] == "PENDING"
    assert "handset_logout could not be published" in failed["data"]["detail"]


async def test_the_deadline_holds_for_an_operation_behind_a_refused_message_of_its_number(
    database: Database, settings: Settings, platform: Platform
) -> None:
    # The reset after a failed activation reaches no queue; the next activation waits behind it.
    await store(database, *RESERVED)
    await platform.channel.queue_delete("pbx.extension-reset")
    hasty = awaiting(
        settings, "activation", operation_at_risk_seconds=0.5, operation_time_allowed_seconds=0.5
    )
    async with working(database, hasty):
        await platform.send("activate", NUMBER, id="first")
        await platform.until(lambda: "RESERVED" in platform.outcome_so_far("first"))
        await until_found(database, "SELECT 1 FROM outbox WHERE attempts > 0")
        await platform.send("activate", NUMBER, id="second")
        await until_found(
            database,
            "SELECT 1 FROM commands WHERE command_id = 'second' AND failure = 'DEADLINE_PASSED'",
        )


async def test_an_unsent_repeat_of_a_request_does_not_hold_back_the_end(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *ACTIVE)
    waiting = awaiting(
        settings, "extension_reset", step_first_pause_seconds=1, step_longest_pause_seconds=1
    )
    async with working(database, waiting):
        command = await platform.send("deactivate", NUMBER)
        await platform.until(lambda: len(platform.pbx_messages) == 2)
        reset = platform.pbx_messages[1]
        await platform.channel.queue_delete("pbx.extension-reset")
        await until_found(database, "SELECT 1 FROM outbox WHERE attempts > 0")
        await platform.answer(reset["id"], "done")
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]
