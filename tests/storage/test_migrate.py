"""A database that has been at work is brought up to date with all that is in it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib.resources import files
from uuid import uuid4

import asyncpg
import pytest

from tests.support.workers import rows
from worker.core.situation import AccountAtSite, Usage
from worker.local import PrivateServers
from worker.storage.engine import Database, open_database
from worker.storage.loading import load_for_conclusion
from worker.storage.migrate import migrate
from worker.storage.schema_version import REVISION

OLD = "0006"
"""The ledger's key was the fingerprint then, and accounts were locked before numbers."""
VERSION = f"""CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('{OLD}')"""
AT_WORK = """
INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
VALUES ('service-1', 'acme', 'occupier', 'london', 10);
INSERT INTO phone_numbers (phone_number, site_id, account_id, status)
VALUES
    ('+442079460001', 'london', 'acme', 'ACTIVE'),
    ('+442079460002', 'london', 'acme', 'PENDING');
INSERT INTO operations (
    lane, phone_number, operation, command_source, command_id, fingerprint, correlation_id, since,
    at_risk_at, deadline
) VALUES (0, '+442079460002', 'activate', '/web', 'c-1', 'first', 'c-1', now(), now(), now());
INSERT INTO commands (
    source, command_id, fingerprint, original, operation, phone_number, account_id, site_id,
    correlation_id, received_at, outcome
)
SELECT '/web', id, fingerprint, original, 'activate', '+442079460002', 'acme', 'london', id, now(),
    outcome
FROM (VALUES
    ('c-1', 'first', true, 'pending'),
    ('c-1', 'second', false, 'rejected'),
    ('c-1', 'third', false, 'rejected'),
    ('c-2', 'first', true, 'completed')
) AS command (id, fingerprint, original, outcome)
"""


@pytest.fixture
async def old_database(servers: PrivateServers) -> AsyncIterator[Database]:
    """As an earlier version left it, with an activation under way."""
    name = f"old_{uuid4().hex}"
    url = await servers.postgresql.create_database(name)
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    scripts = (files("worker.storage.migrations") / "versions").iterdir()
    for script in sorted(scripts, key=lambda script: script.name):
        if script.name.endswith(".sql") and script.name[: len(OLD)] <= OLD:
            await connection.execute(script.read_text(encoding="utf-8"))
    await connection.execute(VERSION)
    await connection.execute(AT_WORK)
    await connection.close()
    async with open_database(url) as opened:
        yield opened
    await servers.postgresql.drop_database(name)


async def test_nothing_is_lost_and_each_reuse_of_an_id_keeps_its_content(
    old_database: Database,
) -> None:
    assert await migrate(old_database) == (OLD, REVISION)

    ledger = "SELECT command_id, variant, fingerprint, outcome FROM commands ORDER BY 1, 2"
    assert await rows(old_database, ledger) == [
        ("c-1", "", "first", "pending"),
        ("c-1", "second", "second", "rejected"),
        ("c-1", "third", "third", "rejected"),
        ("c-2", "", "first", "completed"),
    ]
    assert await rows(old_database, "SELECT active, pending FROM entitlement_usage") == [(1, 1)]
    assert await rows(old_database, "SELECT command_id FROM operations") == [("c-1",)]


async def test_what_was_under_way_can_go_on(old_database: Database) -> None:
    await migrate(old_database)

    async with old_database.transaction() as session:
        known, _ = await load_for_conclusion(session, ["+442079460002"], (0, []), datetime.now(UTC))
    ongoing = known.numbers["+442079460002"].ongoing
    assert ongoing is not None
    assert ongoing.command_id == "c-1"
    assert known.usages == {AccountAtSite("acme", "london"): Usage(10, 1, 1)}


async def test_who_comes_second_finds_nothing_to_do(old_database: Database) -> None:
    await migrate(old_database)

    assert await migrate(old_database) == (REVISION, REVISION)
