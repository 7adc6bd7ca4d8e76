"""A consumer holds few messages after one that is too large."""

import asyncio

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.platform import Platform
from tests.support.workers import store, working
from worker.broker.prefetch import FEW_MESSAGES, Prefetch
from worker.settings import Settings
from worker.storage.connecting.engine import Database

LARGE = 100_000
NUMBER = "+442079460001"


def test_the_prefetch_count_is_as_set() -> None:
    prefetch = Prefetch(600)

    assert prefetch.new_qos() == 600
    assert not prefetch.needs_new_qos(1000)


def test_the_prefetch_count_is_small_after_a_message_that_is_too_large() -> None:
    prefetch = Prefetch(600)
    prefetch.new_qos()

    assert prefetch.needs_new_qos(LARGE)
    assert prefetch.new_qos() == FEW_MESSAGES
    assert not prefetch.needs_new_qos(LARGE)
    assert not prefetch.needs_new_qos(1000)


async def test_worker_dead_letters_large_messages_and_handles_the_command_behind_them(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(3), phone_numbers(NUMBER))
    for place in range(5):
        await platform.send_raw(b"x" * LARGE, message_id=f"large-{place}")
    command = await platform.send("activate", NUMBER)
    async with working(database, settings):
        async with asyncio.timeout(90):
            letters = [await platform.dead_letter() for _ in range(5)]
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    assert {letter.headers["x-error-code"] for letter in letters} == {"BODY_TOO_LARGE"}
    assert {letter.message_id for letter in letters} == {f"large-{place}" for place in range(5)}
