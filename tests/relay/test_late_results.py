"""Results around an outage, a stop, and a change of the awaited steps."""

import asyncio

import pytest

from tests.support.data.awaiting import (
    MAKE_ACTIVE,
    NUMBER,
    SITE,
    awaiting,
    pending_event,
)
from tests.support.platform import Platform
from tests.support.workers import store, working
from worker.consuming import consumer
from worker.settings import Settings
from worker.storage.connecting.engine import Database


async def test_an_operation_completes_after_its_step_is_no_longer_awaited(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, awaiting(settings, "activation")):
        command = await platform.send("activate", NUMBER)
        await pending_event(platform)
    async with working(database, awaiting(settings)):
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_an_operation_that_awaited_no_result_completes_after_results_are_awaited(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MAKE_ACTIVE)
    await platform.channel.queue_delete("pbx.extension-reset")
    async with working(database, awaiting(settings, declare_topology=False)):
        command = await platform.send("deactivate", NUMBER)
        await platform.until(lambda: platform.events)
    async with working(database, awaiting(settings, "extension_reset", "handset_logout")):
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]


async def test_a_result_that_arrives_while_no_worker_runs_is_counted(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    waiting = awaiting(settings, "activation")
    async with working(database, waiting):
        command = await platform.send("activate", NUMBER)
        pending = await pending_event(platform)
    await platform.answer(pending["id"], "done")
    async with working(database, waiting):
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_a_result_that_waited_through_an_outage_is_not_late(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    waiting = awaiting(
        settings, "activation", operation_at_risk_seconds=1, operation_time_allowed_seconds=1
    )
    async with working(database, waiting):
        command = await platform.send("activate", NUMBER)
        pending = await pending_event(platform)
    await asyncio.sleep(1.2)
    for _ in range(500):
        await platform.answer("unknown-step", "done")
    await platform.answer(pending["id"], "done")
    async with working(database, waiting):
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_worker_does_not_wait_for_purged_results(
    database: Database, settings: Settings, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The start counts more messages than arrive, as if the queue was purged in between.
    async def counted(*_: object) -> int:
        return 5

    monkeypatch.setattr(consumer, "ready_messages", counted)
    await store(database, *SITE)
    times = {
        "operation_at_risk_seconds": 0.5,
        "operation_time_allowed_seconds": 0.5,
        "watchdog_seconds": 1,
    }
    async with working(database, awaiting(settings, "activation", **times)):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: "RESERVED" in platform.outcome_so_far(command))
