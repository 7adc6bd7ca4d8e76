import asyncio
import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from aio_pika import Message
from aio_pika.abc import HeadersType

from tests.cli.conftest import Invoke, until_there
from tests.support.measured_command import ended
from tests.support.platform import DEAD_LETTERS, Platform
from tests.support.servers.administration import Administration
from tests.support.servers.running import alarm
from tests.support.workers import working
from worker.cli.commands.dead_letters import SHOWN_LETTERS
from worker.cli.exits import Exit
from worker.local import PrivateServers
from worker.operator.dead_letters import reader
from worker.operator.dead_letters.letters import Selection, look
from worker.operator.dead_letters.reader import QueuedDeadLetter, open_queue
from worker.settings import Settings
from worker.storage.connecting.engine import Database

CLOUD_EVENT = "application/cloudevents+json"
LISTING_MEBIBYTES = 120
BY_ADA = ("--by", "Ada", "--why", "a test")


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


async def test_replayed_message_that_is_still_unroutable_is_dead_lettered_again(
    invoke: Invoke, platform: Platform
) -> None:
    await unrouted(platform, b"first")

    assert (await invoke("dead-letters", "replay", "--all", *BY_ADA)).exit_code == Exit.DONE
    await until_there(platform, DEAD_LETTERS, 1)


async def test_discard_asks_for_confirmation(invoke: Invoke, platform: Platform) -> None:
    await unrouted(platform, b"first", b"second")
    first, second = await keys(invoke)

    refused = await invoke("dead-letters", "discard", first, *BY_ADA, given="n\n")
    assert refused.exit_code == 1
    assert await keys(invoke) == [first, second]
    assert (
        await invoke("dead-letters", "discard", first, "--yes", *BY_ADA)
    ).output == "1 discarded\n"
    assert await keys(invoke) == [second]


@pytest.mark.parametrize("limit", [0, 5])
async def test_looking_never_destroys_whatever_the_delivery_limit(
    invoke: Invoke, platform: Platform, administration: Administration, limit: int
) -> None:
    await administration.set_policy(f"^{DEAD_LETTERS}$", delivery_limit=limit)
    await unrouted(platform, b"first", b"second", b"third")
    before = await keys(invoke)
    for _ in range(limit + 3):
        assert (await invoke("dead-letters", "show", before[1])).output.endswith("\n\n    second\n")
    absent = await invoke("dead-letters", "discard", "0123456789", "--yes", *BY_ADA)

    assert absent.exit_code == Exit.NOT_FOUND
    assert await keys(invoke) == before
    assert (
        await invoke("dead-letters", "discard", before[1], "--yes", *BY_ADA)
    ).exit_code == Exit.DONE
    assert await keys(invoke) == [before[0], before[2]]


async def test_looking_keeps_origin_and_properties(invoke: Invoke, platform: Platform) -> None:
    await unrouted(platform, b"first")
    for _ in range(2):
        assert len(await keys(invoke)) == 1
    (key,) = await keys(invoke)
    shown = await invoke("dead-letters", "show", key)

    assert "routing key   phone_number.dance" in shown.output
    assert "exchange      telephony.commands" in shown.output
    assert "code          NOT_ROUTED" in shown.output
    letter = await platform.dead_letter()
    assert (letter.body, letter.headers["tenant"]) == (b"first", "x")


async def test_a_message_that_the_broker_gave_up_keeps_its_reason(
    invoke: Invoke, platform: Platform
) -> None:
    await platform.send_raw(b"late", expiration=0)
    await until_there(platform, DEAD_LETTERS, 1)
    first, second = [
        json.loads((await invoke("dead-letters", "list", "--json")).stdout)[0] for _ in range(2)
    ]

    assert first == second
    assert first["code"] == "GIVEN_UP_BY_THE_BROKER"
    assert first["detail"] == "expired in queue telephony.phone_number.commands"
    assert first["routing_key"] == "phone_number.activate"


FORGED = {
    "x-original-exchange": "telephony.pbx",
    "x-original-routing-key": "pbx.extension-reset",
    "x-error-code": "FORGED",
}
ODD = {"queue": "telephony.phone_number.commands", "reason": "expired"}
DEATH = {
    **ODD,
    "exchange": "telephony.pbx",
    "routing-keys": ["phone_number.activate"],
    "count": 1,
    "time": datetime(2026, 11, 1, tzinfo=UTC),
}


@pytest.mark.parametrize(
    "headers",
    [
        FORGED,
        FORGED | {"x-death": [DEATH]},
        FORGED | {"x-death": [ODD]},
        FORGED | {"x-death": [{**ODD, "routing-keys": []}]},
        FORGED | {"x-death": "none"},
    ],
)
@pytest.mark.parametrize(
    ("key", "expiration"), [("phone_number.activate", 0), ("phone_number.dance", None)]
)
async def test_a_publisher_does_not_choose_where_a_replay_goes(
    invoke: Invoke, platform: Platform, headers: HeadersType, key: str, expiration: int | None
) -> None:
    exchange = await platform.channel.get_exchange("telephony.commands", ensure=False)
    await exchange.publish(Message(b"forged", headers=headers, expiration=expiration), key)
    await until_there(platform, DEAD_LETTERS, 1)
    for _ in range(2):
        (listed,) = json.loads((await invoke("dead-letters", "list", "--json")).stdout)
        assert listed["exchange"] == "telephony.commands"
        assert listed["routing_key"] in {key, ""}
        assert listed["code"] in {"GIVEN_UP_BY_THE_BROKER", "NOT_ROUTED"}


async def test_a_letter_from_a_queue_that_no_worker_reads_is_not_replayed(
    invoke: Invoke, platform: Platform
) -> None:
    arguments: HeadersType = {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": DEAD_LETTERS,
        "x-message-ttl": 0,
    }
    foreign = await platform.channel.declare_queue("foreign", durable=True, arguments=arguments)
    await platform.channel.default_exchange.publish(Message(b"first"), foreign.name)
    await until_there(platform, DEAD_LETTERS, 1)
    replayed = await invoke("dead-letters", "replay", "--all", *BY_ADA)

    assert replayed.exit_code == Exit.UNAVAILABLE
    assert "it comes from the queue 'foreign', which no worker reads" in replayed.output
    await until_there(platform, DEAD_LETTERS, 1)


async def test_discard_removes_the_marker_of_a_command_that_was_interrupted(
    invoke: Invoke, platform: Platform
) -> None:
    await unrouted(platform, b"first")
    exchange = await platform.channel.get_exchange("telephony.commands.unrouted", ensure=False)
    headers: HeadersType = {"x-dead-letters-read-from-here": True}
    await exchange.publish(Message(b"", headers=headers, timestamp=datetime.now(UTC)), "")
    discarded = await asyncio.wait_for(
        invoke("dead-letters", "discard", "--all", "--yes", *BY_ADA), 30
    )

    assert discarded.output == "1 discarded\n"
    await until_there(platform, DEAD_LETTERS, 0)


async def test_dead_letters_are_not_read_during_an_alarm(
    invoke: Invoke, platform: Platform, servers: PrivateServers
) -> None:
    await unrouted(platform, b"first")
    async with alarm(servers):
        listed = await asyncio.wait_for(
            invoke("dead-letters", "list", WORKER_PUBLISH_TIMEOUT_SECONDS="1"), 60
        )

    assert listed.exit_code == Exit.UNAVAILABLE
    assert "it is short of memory or disk" in listed.output
    # A copy that was published during the alarm may arrive after it.
    assert len({*await keys(invoke)}) == 1


async def test_a_full_dead_letter_queue_is_not_read_and_can_be_emptied(
    invoke: Invoke, platform: Platform, administration: Administration
) -> None:
    await unrouted(platform, *(b"%d" % index for index in range(6)))
    await administration.set_policy(f"^{DEAD_LETTERS}$", max_length=3)
    async with asyncio.timeout(90):
        while (listed := await invoke("dead-letters", "list")).exit_code == Exit.DONE:
            await asyncio.sleep(0.2)

    assert "The dead-letter queue takes no messages" in listed.output
    await until_there(platform, DEAD_LETTERS, 6)
    emptied = await invoke("dead-letters", "discard", "--all", "--yes", *BY_ADA)
    assert emptied.output == "6 discarded\n"
    assert (await invoke("dead-letters", "list")).output == "0 dead letters\n"


async def test_dead_letters_need_the_right_to_put_them_back(
    invoke: Invoke, platform: Platform, administration: Administration
) -> None:
    url = await administration.add_user("^$", "^telephony.commands$", ".*")
    await unrouted(platform, b"first")
    refused = await invoke("dead-letters", "list", AMQP_URL=url)

    assert refused.exit_code == Exit.UNAVAILABLE
    assert "Grant the right to write to exchange 'telephony.commands.unrouted'" in refused.output
    await until_there(platform, DEAD_LETTERS, 1)


async def test_a_dead_letter_that_looks_like_a_marker_is_listed_and_kept(
    invoke: Invoke, platform: Platform
) -> None:
    exchange = await platform.channel.get_exchange("telephony.commands", ensure=False)
    message = Message(b"disguised", headers={"x-dead-letters-read-from-here": True})
    await exchange.publish(message, "phone_number.dance")
    await until_there(platform, DEAD_LETTERS, 1)
    for _ in range(3):
        listed = await invoke("dead-letters", "list")
        assert listed.output.endswith("disguised\n1 dead letter (1 NOT_ROUTED)\n")


async def test_two_commands_read_dead_letters_side_by_side(
    invoke: Invoke, platform: Platform
) -> None:
    await unrouted(platform, *(b"%d" % index for index in range(50)))
    await asyncio.gather(*(invoke("dead-letters", "list") for _ in range(3)))

    assert len(set(await keys(invoke))) == 50
    await until_there(platform, DEAD_LETTERS, 50)


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


async def test_a_reader_that_leaves_early_does_not_change_the_order(
    invoke: Invoke, platform: Platform, settings: Settings
) -> None:
    await unrouted(platform, b"first", b"second", b"third")
    before = await keys(invoke)

    def leave(_: QueuedDeadLetter) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await look(settings, Selection(), leave)

    assert await keys(invoke) == before


async def test_the_order_is_restored_after_a_command_that_was_killed(
    invoke: Invoke,
    platform: Platform,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await unrouted(platform, *(b"%d" % place for place in range(5)))
    before = await keys(invoke)
    monkeypatch.setattr(reader, "MOVED_TOGETHER", 1)
    async with open_queue(settings) as queue:
        moved = 0
        async for letter in queue.letters():
            await queue.keep(letter)
            moved += 1
            if moved == 2:
                break
    await until_there(platform, DEAD_LETTERS, 6)

    monkeypatch.setattr(reader, "MARKER_LASTS", timedelta(0))
    assert await keys(invoke) == [*before[2:], *before[:2]]
    assert await keys(invoke) == before


async def test_nothing_is_removed_while_the_act_cannot_be_recorded(
    invoke: Invoke, platform: Platform
) -> None:
    await unrouted(platform, b"first")
    away = {"DATABASE_URL": "postgresql://worker@127.0.0.1:1/numbers"}
    for action in (("replay",), ("discard", "--yes")):
        refused = await invoke("dead-letters", *action, "--all", *BY_ADA, **away)
        assert refused.exit_code == Exit.UNAVAILABLE

    assert len(await keys(invoke)) == 1


@pytest.mark.campaign
async def test_a_hundred_thousand_letters_are_listed_in_little_memory_and_stay(
    environment: dict[str, str], invoke: Invoke, platform: Platform
) -> None:
    exchange = await platform.channel.get_exchange("telephony.commands", ensure=False)
    letters = 100_000
    for first in range(0, letters, 1000):
        messages = (Message(b"%06d" % place) for place in range(first, first + 1000))
        await asyncio.gather(
            *(exchange.publish(message, "phone_number.dance") for message in messages)
        )
    arguments = ("dead-letters", "list", "--limit", str(letters))
    listed = await ended({**os.environ, **environment}, *arguments)

    lines = listed.output.splitlines()
    assert listed.code == Exit.DONE
    assert lines[-1] == f"{letters} dead letters ({letters} NOT_ROUTED)"
    assert [line.strip() for line in lines[1:-1:2]] == [f"{place:06}" for place in range(letters)]
    assert listed.mebibytes < LISTING_MEBIBYTES
    await until_there(platform, DEAD_LETTERS, letters)
    assert (await invoke("dead-letters", "list", "--limit", "1")).output.startswith(lines[0])
