import asyncio
import json

import pytest
from aio_pika import Message

from tests.cli.conftest import Invoke
from tests.support.platform import DEAD_LETTERS, Platform
from tests.support.workers import working
from worker.cli.exits import Exit
from worker.settings import Settings
from worker.storage.engine import Database


async def until_there(platform: Platform, queue: str, messages: int) -> None:
    async with asyncio.timeout(30):
        while True:
            found = await platform.channel.declare_queue(queue, passive=True)
            if found.declaration_result.message_count == messages:
                return
            await asyncio.sleep(0.05)


async def unrouted(platform: Platform, *bodies: bytes) -> None:
    """Publishes commands with a routing key to which no queue is bound."""
    exchange = await platform.channel.get_exchange("telephony.commands", ensure=False)
    for body in bodies:
        await exchange.publish(Message(body, headers={"tenant": "x"}), "phone_number.dance")
    await until_there(platform, DEAD_LETTERS, len(bodies))


async def keys(invoke: Invoke) -> list[str]:
    listed = await invoke("dead-letters", "list", "--json")
    return [letter["key"] for letter in json.loads(listed.stdout)]


async def test_dead_letters_show_the_reason_of_an_unreadable_message(
    invoke: Invoke, platform: Platform, database: Database, settings: Settings
) -> None:
    async with working(database, settings):
        await platform.send_raw(b"nonsense")
        await until_there(platform, DEAD_LETTERS, 1)

    listed = await invoke("dead-letters", "list")
    shown = await invoke("dead-letters", "show", *await keys(invoke))

    assert "NOT_JSON: not JSON" in listed.output
    assert "1 dead letters" in listed.output
    assert "routing key   phone_number.activate" in shown.output
    assert shown.output.endswith("\n\n    nonsense\n")


async def test_listing_dead_letters_keeps_their_order(invoke: Invoke, platform: Platform) -> None:
    await unrouted(platform, b"first", b"second", b"third")
    before = await keys(invoke)

    limited = await invoke("dead-letters", "list", "--limit", "1")

    assert len(set(before)) == 3
    assert limited.output.endswith("first\n3 dead letters, 2 not shown\n")
    await until_there(platform, DEAD_LETTERS, 3)
    assert await keys(invoke) == before


async def test_replay_publishes_one_dead_letter_unchanged_with_another_routing_key(
    invoke: Invoke, platform: Platform
) -> None:
    queue = await platform.channel.declare_queue(exclusive=True)
    await queue.bind("telephony.commands", "phone_number.activate")
    await unrouted(platform, b"first", b"second")
    first, second = await keys(invoke)
    arguments = ("replay", first, "--routing-key", "phone_number.activate")
    replayed = await invoke("dead-letters", *arguments)

    message = await queue.get(timeout=10)
    assert message is not None
    await message.ack()
    assert replayed.output == "1 replayed\n"
    assert (message.body, message.headers) == (b"first", {"tenant": "x"})
    assert await keys(invoke) == [second]


async def test_replayed_message_that_is_still_unroutable_is_dead_lettered_again(
    invoke: Invoke, platform: Platform
) -> None:
    await unrouted(platform, b"first")

    assert (await invoke("dead-letters", "replay", "--all")).exit_code == Exit.DONE
    await until_there(platform, DEAD_LETTERS, 1)


async def test_discard_asks_for_confirmation(invoke: Invoke, platform: Platform) -> None:
    await unrouted(platform, b"first", b"second")
    first, second = await keys(invoke)

    refused = await invoke("dead-letters", "discard", first, given="n\n")
    assert refused.exit_code == 1
    assert await keys(invoke) == [first, second]
    assert (await invoke("dead-letters", "discard", first, "--yes")).output == "1 discarded\n"
    assert await keys(invoke) == [second]


@pytest.mark.parametrize("action", ["show", "replay"])
async def test_dead_letters_names_an_unknown_key(invoke: Invoke, action: str) -> None:
    result = await invoke("dead-letters", action, "0123456789")

    assert result.exit_code == Exit.NOT_FOUND
    assert "No dead letter has the key 0123456789" in result.output
