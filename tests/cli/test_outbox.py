"""A message that can never be sent holds back its number, until a person decides."""

import asyncio

import pytest

from tests.cli.conftest import Invoke
from tests.support.platform import Platform
from tests.support.workers import rows, store, working
from worker.cli.exits import Exit
from worker.settings import Settings
from worker.storage.engine import Database

NUMBERS = ("+442079460001", "+442079460002")
SITE = (
    """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 20)""",
    *(
        f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, extension, status)
        VALUES ('{number}', 'london', 'acme', '1', 'RESERVED')"""
        for number in NUMBERS
    ),
)
# No command can bring such a routing key about; whoever makes it possible one day is protected.
POISON = f"""
    INSERT INTO outbox (phone_number, holds_operation, message_id, message_type, exchange,
        routing_key, correlation_id, must_be_routed, body, decided_at, queued_at)
    VALUES ('{NUMBERS[0]}', false, 'poison', 'telephony.extension.reset.v1', 'telephony.pbx',
        repeat('k', 300), 'story', true, '{{}}', now(), now())
"""
PARKED = "SELECT position FROM outbox WHERE next_attempt_at = 'infinity'"


@pytest.fixture
async def parked(database: Database, settings: Settings, platform: Platform) -> int:
    """The position of a message that can never be sent, its number's activation behind it."""
    await store(database, *SITE, POISON)
    async with working(database, settings):
        await platform.send("activate", NUMBERS[0], id="held")
        free = await platform.send("activate", NUMBERS[1])
        assert await platform.outcome(free) == ["PENDING", "ACTIVE"]
        async with asyncio.timeout(30):
            while not (found := await rows(database, PARKED)):
                await asyncio.sleep(0.05)
    assert platform.said_of("held") == []
    position = found[0][0]
    assert isinstance(position, int)
    return position


async def test_a_parked_message_is_shown_with_its_reason(
    parked: int, invoke: Invoke, database: Database
) -> None:
    listed = await invoke("outbox", "list")

    assert f"{parked}  {NUMBERS[0]}  telephony.extension.reset.v1" in listed.output
    assert (
        "3 attempts, PARKED\n    it cannot be encoded: string exceeds maximum length"
        in listed.output
    )
    assert await rows(database, "SELECT status FROM phone_numbers ORDER BY phone_number") == [
        ("PENDING",),
        ("ACTIVE",),
    ]


async def test_a_message_that_a_person_discards_lets_its_number_go_on(
    parked: int, invoke: Invoke, database: Database, settings: Settings, platform: Platform
) -> None:
    done = await invoke("outbox", "discard", str(parked), "--by", "Ada", "--why", "was a test")
    async with working(database, settings):
        assert await platform.outcome("held") == ["PENDING", "ACTIVE"]

    assert done.output == "1 discarded\n"
    assert await rows(
        database, "SELECT message_id, discarded_by, reason FROM discarded_messages"
    ) == [("poison", "Ada", "was a test")]


async def test_a_message_whose_reason_was_mended_is_tried_again(
    parked: int, invoke: Invoke, database: Database, settings: Settings, platform: Platform
) -> None:
    await store(
        database,
        f"UPDATE outbox SET routing_key = 'extension_reset.london' WHERE position = {parked}",
    )
    done = await invoke("outbox", "retry", "--all")
    async with working(database, settings):
        assert await platform.outcome("held") == ["PENDING", "ACTIVE"]

    assert done.exit_code == Exit.DONE
    assert await rows(database, "SELECT 1 FROM outbox") == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("retry",), Exit.USAGE, "Name positions"),
        (("retry", "1", "--all"), Exit.USAGE, "Name positions"),
        (("retry", "7"), Exit.NOT_FOUND, "No such message: 7"),
        (("discard", "7", "--by", "A", "--why", "b"), Exit.NOT_FOUND, "No such message: 7"),
        (("list",), Exit.DONE, "0 undelivered"),
    ],
)
async def test_what_is_not_there_is_said(
    invoke: Invoke, arguments: tuple[str, ...], code: Exit, words: str
) -> None:
    answer = await invoke("outbox", *arguments)

    assert answer.exit_code == code
    assert words in answer.output
