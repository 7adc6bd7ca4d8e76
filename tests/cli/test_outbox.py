"""A message that cannot be encoded blocks its number until an operator decides."""

import asyncio
import re

import pytest

from tests.support.command_line import Invoke
from tests.support.data.inserts import outbox_message, phone_numbers, voice_service
from tests.support.platform import Platform
from tests.support.workers import rows, store, working
from worker.cli.exits import Exit
from worker.settings import Settings
from worker.storage.connecting.engine import Database

NUMBERS = ("+442079460001", "+442079460002")
SITE = (voice_service(2), phone_numbers(*NUMBERS))
# No command leads to such a routing key; the test protects a future one that does.
UNENCODABLE = outbox_message(
    NUMBERS[0],
    message_id="unencodable",
    message_type="telephony.extension.reset.v1",
    exchange="telephony.pbx",
    routing_key="k" * 300,
)
pytestmark = pytest.mark.publishes_anything  # an operator may put a row into the outbox by hand
BY_LIN = ("--by", "Lin", "--why", "corrected")
PARKED = "SELECT position FROM outbox WHERE next_attempt_at = 'infinity'"


@pytest.fixture
async def parked(database: Database, settings: Settings, platform: Platform) -> int:
    """The position of a message that cannot be encoded, ahead of the activation of its number."""
    await store(database, *SITE, UNENCODABLE)
    async with working(database, settings):
        await platform.send("activate", NUMBERS[0], id="held")
        free = await platform.send("activate", NUMBERS[1])
        assert await platform.outcome(free) == ["PENDING", "ACTIVE"]
        async with asyncio.timeout(90):
            while not (found := await rows(database, PARKED)):
                await asyncio.sleep(0.05)
    assert platform.outcome_so_far("held") == []
    position = found[0][0]
    assert isinstance(position, int)
    return position


async def test_outbox_list_shows_a_parked_message_with_its_reason(
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


async def test_discarding_a_message_unblocks_the_messages_of_its_number(
    parked: int, invoke: Invoke, database: Database, settings: Settings, platform: Platform
) -> None:
    done = await invoke("outbox", "discard", str(parked), "--by", "Ada", "--why", "was a test")
    async with working(database, settings):
        assert await platform.outcome("held") == ["PENDING", "ACTIVE"]

    assert done.output == "1 discarded\n"
    assert await rows(
        database, "SELECT message_id, discarded_by, reason FROM discarded_messages"
    ) == [("unencodable", "Ada", "was a test")]
    assert "discard-message" in (await invoke("acts")).output
    shown = (await invoke("show", NUMBERS[0])).output
    assert re.search(r"discard-message .*reset\.v1 by Ada: was a test  \(unencodable\)", shown)


async def test_retrying_a_corrected_message_publishes_it(
    parked: int, invoke: Invoke, database: Database, settings: Settings, platform: Platform
) -> None:
    await store(
        database,
        f"UPDATE outbox SET routing_key = 'extension_reset.london' WHERE position = {parked}",
    )
    done = await invoke("outbox", "retry", "--all", *BY_LIN)
    async with working(database, settings):
        assert await platform.outcome("held") == ["PENDING", "ACTIVE"]

    assert done.exit_code == Exit.DONE
    assert await rows(database, "SELECT 1 FROM outbox") == []
    assert "retry-message by Lin: corrected\n" in (await invoke("acts")).output


async def test_only_a_parked_message_is_discarded_and_another_is_not_said_to_be_unknown(
    invoke: Invoke, database: Database
) -> None:
    await store(database, outbox_message(NUMBERS[0], attempts=1, next_attempt_at="2100-01-01"))
    ((position,),) = await rows(database, "SELECT position FROM outbox")
    answer = await invoke("outbox", "discard", str(position), *BY_LIN)

    assert answer.exit_code == Exit.NOT_FOUND
    assert f"Only PARKED messages can be discarded, and this is none: {position}." in answer.output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("retry", "--help"), Exit.DONE, "retry [OPTIONS] [POSITION]..."),
        (("retry", *BY_LIN), Exit.USAGE, "Name positions"),
        (("retry", "1", "--all", *BY_LIN), Exit.USAGE, "Name positions"),
        (("retry", "7", *BY_LIN), Exit.NOT_FOUND, "No such message: 7"),
        (("discard", "7", "--by", "A", "--why", "b"), Exit.NOT_FOUND, "No such message: 7"),
        (("list",), Exit.DONE, "0 undelivered"),
    ],
)
async def test_outbox_names_unknown_positions_and_wrong_usage(
    invoke: Invoke, arguments: tuple[str, ...], code: Exit, words: str
) -> None:
    answer = await invoke("outbox", *arguments)

    assert answer.exit_code == code
    assert words in answer.output
