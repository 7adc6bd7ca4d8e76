"""A consumer holds few messages after one that is too large."""

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.platform import Platform
from tests.support.workers import store, working
from worker.broker.prefetch import (
    FEW_MESSAGES,
    HELD_MAXIMUM_BYTES,
    LARGE_HELD_MAXIMUM_BYTES,
    Prefetch,
)
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.telemetry.logs import Action

LARGE = 100_000
NUMBER = "+442079460001"


def test_the_prefetch_count_is_as_set() -> None:
    prefetch = Prefetch(600)

    assert prefetch.new_qos() == 600
    assert not prefetch.needs_new_qos(1000)


def test_the_prefetch_count_is_small_after_many_messages_that_are_too_large() -> None:
    prefetch = Prefetch(600)
    prefetch.new_qos()

    assert prefetch.needs_new_qos(LARGE, LARGE_HELD_MAXIMUM_BYTES + 1)
    assert prefetch.new_qos() == FEW_MESSAGES
    assert not prefetch.needs_new_qos(LARGE, LARGE_HELD_MAXIMUM_BYTES + 1)
    assert not prefetch.needs_new_qos(1000, LARGE)


@pytest.mark.parametrize("held_bytes", [0, LARGE, LARGE_HELD_MAXIMUM_BYTES])
@pytest.mark.parametrize("body_bytes", [LARGE, 2 * LARGE_HELD_MAXIMUM_BYTES])
def test_a_single_message_that_is_too_large_changes_no_prefetch_count(
    body_bytes: int, held_bytes: int
) -> None:
    prefetch = Prefetch(600)
    prefetch.new_qos(24_000)

    assert not prefetch.needs_new_qos(body_bytes, held_bytes)
    assert prefetch.new_qos(24_000) == 24_000


async def test_worker_dead_letters_large_messages_and_handles_the_command_behind_them(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(3), phone_numbers(NUMBER))
    for place in range(5):
        await platform.send_raw(b"x" * LARGE, message_id=f"large-{place}")
    command = await platform.send("activate", NUMBER)
    with capture_logs() as logs:
        async with working(database, settings), asyncio.timeout(90):
            letters = [await platform.dead_letter() for _ in range(5)]
            assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    assert not {Action.BROKER_LOST, Action.PREFETCH_CHANGED} & {line["event"] for line in logs}
    assert {letter.headers["x-error-code"] for letter in letters} == {"BODY_TOO_LARGE"}
    assert {letter.message_id for letter in letters} == {f"large-{place}" for place in range(5)}


def test_an_ordinary_message_behind_huge_ones_does_not_raise_their_limit() -> None:
    prefetch = Prefetch(600)
    prefetch.new_qos(24_000)
    huge = HELD_MAXIMUM_BYTES // 2

    assert prefetch.needs_new_qos(huge, huge)
    prefetch.needs_new_qos(huge, 2 * huge)
    prefetch.needs_new_qos(600, 3 * huge)
    assert prefetch.new_qos(24_000) == FEW_MESSAGES


def test_the_prefetch_count_is_the_ordinary_one_while_commands_are_too_large_together() -> None:
    prefetch = Prefetch(600)
    assert prefetch.new_qos(24_000) == 24_000

    assert not prefetch.needs_new_qos(5_000, HELD_MAXIMUM_BYTES)
    assert prefetch.needs_new_qos(5_000, HELD_MAXIMUM_BYTES + 1)
    assert (prefetch.new_qos(24_000), prefetch.new_qos(2)) == (600, 2)
    assert not prefetch.needs_new_qos(5_000, 600 * 5_000)
