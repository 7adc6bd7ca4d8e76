"""Operators list, show, replay and discard dead letters."""

import json

import pytest
from aio_pika import Message

from tests.support.command_line import Invoke
from tests.support.dead_letters import BY_ADA, keys, unrouted, until_there
from tests.support.platform import DEAD_LETTERS, Platform
from tests.support.workers import working
from worker.cli.commands.dead_letters import SHOWN_LETTERS
from worker.cli.exits import Exit
from worker.settings import Settings
from worker.storage.connecting.engine import Database

CLOUD_EVENT = "application/cloudevents+json"


async def test_dead_letters_show_the_reason_of_an_unreadable_message(
    invoke: Invoke, platform: Platform, database: Database, settings: Settings
) -> None:
    async with working(database, settings):
        await platform.send_raw(b"nonsense")
        await until_there(platform, DEAD_LETTERS, 1)

    listed = await invoke("dead-letters", "list")
    shown = await invoke("dead-letters", "show", *await keys(invoke))

    assert "NOT_JSON: not JSON" in listed.output
    assert "1 dead letter (1 NOT_JSON)" in listed.output
    assert "routing key   phone_number.activate" in shown.output
    assert shown.output.endswith("\n\n    nonsense\n")


async def test_listing_dead_letters_keeps_their_order(invoke: Invoke, platform: Platform) -> None:
    await unrouted(platform, b"first", b"second", b"third")
    before = await keys(invoke)

    limited = await invoke("dead-letters", "list", "--limit", "1")

    assert len(set(before)) == 3
    assert limited.output.endswith(
        "first\n3 dead letters (3 NOT_ROUTED), 2 not shown: --limit shows more\n"
    )
    await until_there(platform, DEAD_LETTERS, 3)
    assert await keys(invoke) == before


async def test_a_list_for_scripts_leaves_no_dead_letter_out(
    invoke: Invoke, platform: Platform
) -> None:
    await unrouted(platform, *(b"%d" % number for number in range(SHOWN_LETTERS + 1)))

    listed = await invoke("dead-letters", "list")
    letters = json.loads((await invoke("dead-letters", "list", "--json")).stdout)

    assert "1 not shown: --limit shows more" in listed.output
    assert len(letters) == SHOWN_LETTERS + 1


async def test_replay_publishes_one_dead_letter_unchanged_with_another_routing_key(
    invoke: Invoke, platform: Platform
) -> None:
    queue = await platform.channel.declare_queue(exclusive=True)
    await queue.bind("telephony.commands", "phone_number.activate")
    await unrouted(platform, b"first", b"second")
    first, second = await keys(invoke)
    arguments = ("replay", first, "--routing-key", "phone_number.activate", *BY_ADA)
    replayed = await invoke("dead-letters", *arguments)

    message = await queue.get(timeout=10)
    assert message is not None
    await message.ack()
    assert replayed.output == "1 replayed\n"
    assert (message.body, message.headers) == (b"first", {"tenant": "x"})
    assert await keys(invoke) == [second]


@pytest.mark.parametrize("choice", [(), ("--routing-key", "phone_number.actvate")])
async def test_a_replay_that_would_lead_to_no_queue_keeps_the_letter_and_names_the_routing_keys(
    invoke: Invoke, platform: Platform, choice: tuple[str, ...]
) -> None:
    await unrouted(platform, b"first")
    replayed = await invoke("dead-letters", "replay", "--all", *choice, *BY_ADA)

    assert replayed.exit_code == Exit.UNAVAILABLE
    assert "give another with --routing-key: phone_number.activate, " in replayed.output
    assert "Replayed: 0." in replayed.output
    await until_there(platform, DEAD_LETTERS, 1)


async def test_letters_are_selected_by_the_labels_of_the_metric(
    invoke: Invoke, platform: Platform, database: Database, settings: Settings
) -> None:
    async with working(database, settings):
        await platform.send_raw(b"nonsense")
        await until_there(platform, DEAD_LETTERS, 1)
    exchange = await platform.channel.get_exchange("telephony.commands", ensure=False)
    await exchange.publish(Message(b"lost"), "phone_number.dance")
    await until_there(platform, DEAD_LETTERS, 2)
    for reason, codes in (
        ("broker", ["NOT_ROUTED"]),
        ("NOT_JSON", ["NOT_JSON"]),
        ("other", []),
        ("POISON", None),
    ):
        listed = await invoke("dead-letters", "list", "--json", "--reason", reason)
        if codes is None:
            assert listed.exit_code == Exit.USAGE
            assert "'POISON' is not one of " in listed.output
        else:
            assert [letter["code"] for letter in json.loads(listed.stdout)] == codes


async def test_discard_asks_with_the_number_and_the_reasons_of_the_letters(
    invoke: Invoke, platform: Platform
) -> None:
    await unrouted(platform, b"first", b"second", b"third")
    first, second, third = await keys(invoke)

    refused = await invoke("dead-letters", "discard", first, second, *BY_ADA, given="n\n")
    assert "This deletes 2 dead letters (2 NOT_ROUTED) for good. Go on?" in refused.output
    assert refused.exit_code == 1
    assert await keys(invoke) == [first, second, third]
    discarded = await invoke("dead-letters", "discard", first, *BY_ADA, given="y\n")
    assert discarded.output.endswith("\n1 discarded\n")
    assert (
        await invoke("dead-letters", "discard", second, "--yes", *BY_ADA)
    ).output == "1 discarded\n"
    assert await keys(invoke) == [third]


async def test_discard_asks_nothing_where_nothing_matches(
    invoke: Invoke, platform: Platform
) -> None:
    await unrouted(platform, b"first")
    (key,) = await keys(invoke)
    unmatched = await invoke("dead-letters", "discard", "--reason", "NOT_JSON", *BY_ADA)
    unknown = await invoke("dead-letters", "discard", "0123456789", *BY_ADA)

    assert (unmatched.exit_code, unmatched.output) == (Exit.DONE, "0 discarded\n")
    assert (unknown.exit_code, "Go on?" in unknown.output) == (Exit.NOT_FOUND, False)
    assert await keys(invoke) == [key]


@pytest.mark.parametrize("action", ["show", "replay"])
async def test_dead_letters_names_an_unknown_key(invoke: Invoke, action: str) -> None:
    decided = () if action == "show" else BY_ADA
    result = await invoke("dead-letters", action, "0123456789", *decided)

    assert result.exit_code == Exit.NOT_FOUND
    assert "No dead letter has the key 0123456789" in result.output


async def test_letters_are_selected_by_reason_and_replayed_in_their_order(
    invoke: Invoke, platform: Platform, database: Database, settings: Settings
) -> None:
    async with working(database, settings):
        await platform.send_raw(b"nonsense")
        await until_there(platform, DEAD_LETTERS, 1)
    queue = await platform.channel.declare_queue(exclusive=True)
    await queue.bind("telephony.commands", "phone_number.activate")
    exchange = await platform.channel.get_exchange("telephony.commands", ensure=False)
    for place in range(3):
        body = b'{"specversion": "1.0", "data": {"phone_number": "+44207946000%d"}}' % place
        message = Message(body, message_id=f"message-{place}", content_type=CLOUD_EVENT)
        await exchange.publish(message, "phone_number.dance")
    await until_there(platform, DEAD_LETTERS, 4)
    wanted = ("--reason", "NOT_ROUTED", "--routing-key", "phone_number.activate")

    replayed = await invoke("dead-letters", "replay", *wanted, *BY_ADA)

    assert replayed.output == "3 replayed\n"
    for place in range(3):
        received = await queue.get(timeout=10)
        assert received is not None
        await received.ack()
        assert received.message_id == f"message-{place}"
    listed = json.loads((await invoke("dead-letters", "list", "--json")).stdout)
    assert [letter["code"] for letter in listed] == ["NOT_JSON"]
    (act,) = json.loads((await invoke("acts", "--json")).stdout)
    assert (act["act"], act["decided_by"], act["items"]) == ("replay-dead-letter", "Ada", 3)
    assert act["detail"] == "--reason NOT_ROUTED --routing-key phone_number.activate"
    assert act["first_items"][0].startswith("+442079460000 ")
    assert act["first_items"][0].endswith(" NOT_ROUTED, message message-0")


async def test_nothing_is_removed_while_the_act_cannot_be_recorded(
    invoke: Invoke, platform: Platform
) -> None:
    await unrouted(platform, b"first")
    away = {"DATABASE_URL": "postgresql://worker@127.0.0.1:1/numbers"}
    for action in (("replay",), ("discard", "--yes")):
        refused = await invoke("dead-letters", *action, "--all", *BY_ADA, **away)
        assert refused.exit_code == Exit.UNAVAILABLE

    assert len(await keys(invoke)) == 1
