"""Old records go, young ones and those under way stay."""

import asyncio

import pytest

from tests.support.workers import rows, store, until_leading, working
from worker.settings import Settings, SettingsError, load
from worker.storage.engine import Database

COMMAND = """
    INSERT INTO commands (source, command_id, fingerprint, original, operation, phone_number,
        account_id, site_id, correlation_id, received_at, outcome, ended_at)
    SELECT 'web', '{name}-' || place, 'f', true, 'activate', '+442079460001', 'acme', 'london',
        'story', now() - interval '{days} days', '{outcome}', {ended}
    FROM generate_series(1, {count}) AS place
"""


async def test_old_commands_are_forgotten_and_those_under_way_are_not(
    database: Database, settings: Settings
) -> None:
    await store(
        database,
        COMMAND.format(name="old", days=31, outcome="completed", ended="now()", count=2500),
        COMMAND.format(name="open", days=400, outcome="pending", ended="NULL", count=1),
        COMMAND.format(name="young", days=29, outcome="rejected", ended="now()", count=1),
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


def test_a_ledger_shorter_than_thirty_days_is_refused() -> None:
    with pytest.raises(SettingsError, match="WORKER_HISTORY_DAYS"):
        load({"WORKER_HISTORY_DAYS": "29"})
