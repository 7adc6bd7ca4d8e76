"""What is far too large to be read is held in small numbers."""

import asyncio

from tests.support.platform import Platform
from tests.support.workers import store, working
from worker.broker.prefetch import FEW_MESSAGES, Prefetch
from worker.settings import Settings
from worker.storage.engine import Database

LARGE = 100_000
SITE = (
    """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 3)""",
    """INSERT INTO phone_numbers (phone_number, site_id, account_id, status)
    VALUES ('+442079460001', 'london', 'acme', 'RESERVED')""",
)


def test_as_many_are_held_as_are_set() -> None:
    prefetch = Prefetch(600)

    assert prefetch.use() == 600
    assert not prefetch.needs_new_qos(1000)


def test_after_one_that_is_too_large_only_few_are_held() -> None:
    prefetch = Prefetch(600)
    prefetch.use()

    assert prefetch.needs_new_qos(LARGE)
    assert prefetch.use() == FEW_MESSAGES
    assert not prefetch.needs_new_qos(LARGE)
    assert not prefetch.needs_new_qos(1000)


async def test_large_messages_are_put_away_and_the_commands_between_them_carried_out(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    for place in range(5):
        await platform.send_raw(b"x" * LARGE, message_id=f"large-{place}")
    command = await platform.send("activate", "+442079460001")
    async with working(database, settings):
        async with asyncio.timeout(30):
            letters = [await platform.dead_letter() for _ in range(5)]
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    assert {letter.headers["x-error-code"] for letter in letters} == {"BODY_TOO_LARGE"}
    assert {letter.message_id for letter in letters} == {f"large-{place}" for place in range(5)}
