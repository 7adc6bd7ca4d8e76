"""PgBouncer: session pooling works for real; pooling by transaction or statement is refused."""

import pytest
from asyncpg import ProtocolViolationError

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.platform import Platform
from tests.support.servers.pgbouncer import Pooled
from tests.support.workers import rows, store, until_leading, working
from worker.operator.preparing.preflight import check_all
from worker.runtime.mistakes import Mistake
from worker.settings import Settings
from worker.storage.connecting.engine import Database, open_database
from worker.storage.connecting.errors import is_transient, mistake_of
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


async def test_a_user_whom_the_pooler_does_not_admit_is_a_mistake(
    database_url: str, pooled: Pooled
) -> None:
    async with (
        pooled(database_url, "session", "auth_type = trust") as url,
        open_database(url, waits=True) as database,
    ):
        with pytest.raises(Mistake, match=r"authentication failed\. Correct the user or"):
            await database.transact(require_fit)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("unsupported startup parameter: search_path", "ignore_startup_parameters"),
        ("no such database: phones", "has no such database"),
        ("password authentication failed", "refuses the password"),
        ("SASL authentication failed", "refuses the password"),
        ("SSL required", "requires TLS"),
        ("bouncer config error", "configuration"),
    ],
)
def test_what_a_pooler_refuses_for_good_is_a_mistake_with_its_words(
    said: str, sentence: str
) -> None:
    mistake = mistake_of(ProtocolViolationError(said))

    assert sentence in str(mistake)
    assert said in str(mistake)


@pytest.mark.parametrize(
    "said",
    [
        "no more connections allowed (max_client_conn)",
        "client_login_timeout (server down)",
        "server login has been failing, try again later (server_login_retry)",
        "server login failed: FATAL password authentication failed",
        "query_wait_timeout",
        "pgbouncer cannot connect to server",
    ],
)
def test_what_a_pooler_may_allow_later_is_an_outage(said: str) -> None:
    error = ProtocolViolationError(said)

    assert mistake_of(error) is None
    assert is_transient(error)


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
