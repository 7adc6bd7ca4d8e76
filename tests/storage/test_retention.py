"""Retention deletes old rows that have ended, and keeps all others."""

import asyncio

import pytest

from tests.support.data.inserts import Expression, commands, manual_logout
from tests.support.workers import rows, store, until_leading, working
from worker.settings import Settings, SettingsError, load
from worker.storage.connecting.engine import Database
from worker.storage.retention import prune


def days_ago(days: int) -> Expression:
    return Expression(f"now() - interval '{days} days'")


async def test_retention_deletes_old_commands_that_have_ended_and_no_others(
    database: Database, settings: Settings
) -> None:
    await store(
        database,
        commands(2500, "old", received_at=days_ago(31)),
        commands(1, "open", received_at=days_ago(400), outcome="pending", ended_at=None),
        commands(1, "young", received_at=days_ago(29), outcome="rejected"),
        "INSERT INTO poison_attempts VALUES ('queue', 'old', 1, now() - interval '31 days')",
    )
    async with working(database, settings.model_copy(update={"history_days": 30})) as worker:
        await until_leading(worker)
        async with asyncio.timeout(20):
            while await rows(database, "SELECT count(*) FROM commands") != [(2,)]:
                await asyncio.sleep(0.05)
            while await rows(database, "SELECT 1 FROM poison_attempts"):
                await asyncio.sleep(0.05)

    assert await rows(database, "SELECT command_id FROM commands ORDER BY 1") == [
        ("open-1",),
        ("young-1",),
    ]


async def test_retention_deletes_manual_logouts_that_were_closed_long_ago_and_no_others(
    database: Database,
) -> None:
    closed = {"required_at": days_ago(400), "closed_by": "Ada", "reason": "done"}
    await store(
        database,
        manual_logout("+442079460001", "old", **closed, closed_at=days_ago(31)),
        manual_logout("+442079460001", "young", **closed, closed_at=days_ago(29)),
        manual_logout("+442079460001", "open", required_at=days_ago(400)),
    )

    pruning = asyncio.create_task(prune(database, database.clock.now, 30))
    async with asyncio.timeout(20):
        while await rows(database, "SELECT FROM manual_logouts WHERE device_id = 'old'"):
            await asyncio.sleep(0.05)
    pruning.cancel()

    assert await rows(database, "SELECT device_id FROM manual_logouts ORDER BY place") == [
        ("young",),
        ("open",),
    ]


def test_settings_refuse_a_history_shorter_than_thirty_days() -> None:
    with pytest.raises(SettingsError, match="WORKER_HISTORY_DAYS"):
        load({"WORKER_HISTORY_DAYS": "29"})
