"""A worker with an event log: it declares the log, uses one that differs, and does without one."""

import asyncio

import pytest
from activation_contracts.topology import EVENT_LOG
from aio_pika.exceptions import ChannelNotFoundEntity
from structlog.testing import capture_logs

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.event_log import logged, logged_events
from tests.support.platform import Platform, platform_at
from tests.support.workers import rows, store, until_leading, working
from worker.operator.send import send_command
from worker.settings import Settings
from worker.storage.connecting.engine import Database

__all__ = ["logged"]

NUMBER = "+442079460001"
SITE = (voice_service(1), phone_numbers(NUMBER, extension="101"))
ACTIVATE = {"operation": "activate", "number": NUMBER, "account": "acme", "site": "london"}


async def test_worker_declares_the_log_and_its_events_are_in_it(
    database: Database, settings: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    async with working(database, settings.model_copy(update={"event_log_days": 7})):
        command = await platform.send("activate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    assert await logged_events(amqp_url, 2) == platform.events


async def test_worker_logs_that_the_log_keeps_events_for_another_time_and_serves(
    database: Database, logged: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    with capture_logs() as lines:
        async with working(database, logged.model_copy(update={"event_log_days": 14})):
            command = await platform.send("activate", NUMBER)
            assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    (line,) = (line for line in lines if line["event"] == "event_log_differs")
    assert "'7D'" in line["reason"]
    assert len(await logged_events(amqp_url, 2)) == 2


async def test_worker_without_a_log_declares_none(
    database: Database, settings: Settings, platform: Platform
) -> None:
    async with working(database, settings) as worker:
        await until_leading(worker)

    with pytest.raises(ChannelNotFoundEntity):
        await platform.channel.declare_queue(EVENT_LOG, passive=True)


async def test_worker_that_may_not_declare_uses_the_log_or_does_without_it(
    database: Database, logged: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    async with working(database, logged.model_copy(update={"declare_topology": False})):
        command = await platform.send("activate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        assert len(await logged_events(amqp_url, 2)) == 2
        await platform.channel.queue_delete(EVENT_LOG)
        command = await platform.send("deactivate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]


async def test_an_activation_that_no_pbx_subscribes_to_fails_at_its_deadline(
    database: Database, logged: Settings, amqp_url: str
) -> None:
    """The log takes the PENDING event, so that a PBX without a queue looks like a silent one."""
    await store(database, *SITE)
    awaiting = Settings.model_validate(
        {
            **logged.model_dump(),
            "awaited_steps": ["activation"],
            "step_first_pause_seconds": 0.2,
            "sweep_interval_seconds": 0.05,
            "operation_at_risk_seconds": 1.5,
            "operation_time_allowed_seconds": 1.5,
        }
    )
    async with working(database, awaiting):
        await send_command(logged, ACTIVATE, wait_seconds=None, on_event=lambda _: None)
        async with asyncio.timeout(90):
            while not await rows(database, "SELECT 1 FROM commands WHERE outcome = 'failed'"):
                await asyncio.sleep(0.05)
            while await rows(database, "SELECT 1 FROM outbox WHERE exchange = 'telephony.events'"):
                await asyncio.sleep(0.05)
    events = await logged_events(amqp_url, 4)

    pending, again = events[:2]
    assert pending == again
    assert pending["data"]["status"] == "PENDING"
    codes = {event["data"].get("code") for event in await logged_events(amqp_url, 5)}
    assert "DEADLINE_PASSED" in codes


async def test_a_pbx_that_binds_its_queue_late_gets_the_request_when_it_is_repeated(
    database: Database, logged: Settings, amqp_url: str
) -> None:
    await store(database, *SITE)
    awaiting = Settings.model_validate(
        {
            **logged.model_dump(),
            "awaited_steps": ["activation"],
            "step_first_pause_seconds": 0.5,
            "sweep_interval_seconds": 0.05,
        }
    )
    async with working(database, awaiting):
        await send_command(logged, ACTIVATE, wait_seconds=None, on_event=lambda _: None)
        (pending,) = await logged_events(amqp_url, 1)
        async with platform_at(amqp_url) as platform:
            await platform.until(lambda: platform.events)
            assert platform.events[0] == pending
            await platform.answer(pending["id"], "done")
            assert await platform.outcome(pending["data"]["command_id"]) == ["PENDING", "ACTIVE"]
