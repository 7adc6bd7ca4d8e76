"""PgBouncer: session pooling works for real; pooling by transaction or statement is refused."""

import pytest

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.platform import Platform
from tests.support.servers.pgbouncer import Pooled
from tests.support.workers import rows, store, until_leading, working
from worker.operator.preparing.preflight import check_all
from worker.runtime.mistakes import Mistake
from worker.settings import Settings
from worker.storage.connecting.engine import Database, open_database
from worker.storage.connecting.session_setup import SESSION_SETTINGS
from worker.storage.deployment.preflight import require_fit

NUMBERS = tuple(f"+44207946{index:04}" for index in range(20))


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_pooling_that_loses_the_session_is_refused(
    database_url: str, settings: Settings, pooled: Pooled, mode: str
) -> None:
    async with pooled(database_url, mode) as url:
        async with open_database(url, waits=True) as database:
            with pytest.raises(Mistake, match="pool_mode = session") as refused:
                await database.transact(require_fit)
        findings = await check_all(settings.model_copy(update={"database_url": url}))

    assert [str(item.error) for item in findings if item.subject == "database"] == [
        str(refused.value)
    ]


@pytest.mark.parametrize(
    "more", ["", "ignore_startup_parameters = extra_float_digits,jit,application_name"]
)
async def test_a_pooled_session_has_all_settings(
    database_url: str, pooled: Pooled, more: str
) -> None:
    async with (
        pooled(database_url, "session", more) as url,
        open_database(url) as database,
        database.session() as session,
    ):
        shown = {name: await session.driver.fetchval(f"SHOW {name}") for name in SESSION_SETTINGS}

    assert shown == SESSION_SETTINGS


async def test_a_worker_serves_through_session_pooling(
    database: Database, settings: Settings, platform: Platform, pooled: Pooled
) -> None:
    await store(database, voice_service(100), phone_numbers(*NUMBERS))
    async with (
        pooled(settings.database_url, "session") as url,
        open_database(url, waits=True) as through_pooler,
        working(through_pooler, settings) as worker,
    ):
        await until_leading(worker)
        commands = [await platform.send("activate", number) for number in NUMBERS]
        outcomes = [await platform.outcome(command) for command in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(20, 0)]
