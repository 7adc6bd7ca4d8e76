"""Dead letters are read without loss and keep their order, whatever happens meanwhile."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest
from aio_pika import Message

from tests.support.command_line import Invoke
from tests.support.dead_letters import BY_ADA, keys, unrouted, until_there
from tests.support.measured_command import ended
from tests.support.platform import DEAD_LETTERS, Platform
from tests.support.servers.administration import Administration
from tests.support.servers.running import alarm
from worker.cli.exits import Exit
from worker.local import PrivateServers
from worker.operator.dead_letters import reader
from worker.operator.dead_letters.letters import Selection, look
from worker.operator.dead_letters.overflow import Overflow
from worker.operator.dead_letters.queued import QueuedDeadLetter
from worker.operator.dead_letters.reader import open_queue
from worker.settings import Settings

LISTING_MEBIBYTES = 120


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


async def test_discard_removes_the_marker_of_a_command_that_was_interrupted(
    invoke: Invoke, platform: Platform
) -> None:
    await unrouted(platform, b"first")
    exchange = await platform.channel.get_exchange("telephony.commands.unrouted", ensure=False)
    marker = Message(
        b"", headers={"x-dead-letters-read-from-here": True}, timestamp=datetime.now(UTC)
    )
    await exchange.publish(marker, "")
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
    invoke: Invoke, platform: Platform, settings: Settings
) -> None:
    await unrouted(platform, *(b"%d" % index for index in range(50)))
    # Not by `invoke`: while a command runs, it replaces standard input and output of the process.
    await asyncio.gather(
        *(look(settings, Selection(), lambda _: None, tell=print) for _ in range(3))
    )

    assert len(set(await keys(invoke))) == 50
    await until_there(platform, DEAD_LETTERS, 50)


async def test_a_reader_that_leaves_early_does_not_change_the_order(
    invoke: Invoke, platform: Platform, settings: Settings
) -> None:
    await unrouted(platform, b"first", b"second", b"third")
    before = await keys(invoke)

    def leave(_: QueuedDeadLetter) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await look(settings, Selection(), leave, tell=print)

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
    async with open_queue(settings, Overflow(settings)) as queue:
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
