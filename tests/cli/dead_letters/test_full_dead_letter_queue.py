"""Letters of a full dead-letter queue are handled without a loss."""

import asyncio
import contextlib
import json

import pytest
from aio_pika import Message
from aio_pika.exceptions import DeliveryError
from click.testing import Result

from tests.support.command_line import Invoke
from tests.support.dead_letters import BY_ADA, keys, unrouted, until_there
from tests.support.platform import DEAD_LETTERS, Platform
from tests.support.servers.administration import Administration
from tests.support.workers import rows, working
from worker.cli.exits import Exit
from worker.operator.dead_letters import reader
from worker.settings import Settings
from worker.storage.connecting.engine import Database


async def listed_when_full(
    invoke: Invoke, administration: Administration, limit: int, **changes: str
) -> Result:
    """Limits the dead-letter queue; returns the first list for which it was full."""
    await administration.set_policy(f"^{DEAD_LETTERS}$", max_length=limit, delivery_limit=0)
    async with asyncio.timeout(90):
        while "is full" not in (listed := await invoke("dead-letters", "list", **changes)).stderr:
            await asyncio.sleep(0.2)
    return listed


async def places(platform: Platform, database: Database) -> tuple[int, int]:
    """How many dead letters are in the queue, and how many in the database."""
    found = await platform.channel.declare_queue(DEAD_LETTERS, passive=True)
    ((stored,),) = await rows(database, "SELECT count(*) FROM dead_letters")
    assert isinstance(stored, int)
    return found.declaration_result.message_count or 0, stored


async def until_full(platform: Platform) -> None:
    """Publishes until the dead-letter queue refuses a message."""
    exchange = await platform.channel.get_exchange("telephony.commands.unrouted", ensure=False)
    with contextlib.suppress(DeliveryError):
        async with asyncio.timeout(90):
            while True:
                await exchange.publish(Message(b"more"), "")


async def test_letters_of_a_queue_that_has_just_become_full_all_stay_in_it(
    invoke: Invoke, platform: Platform, administration: Administration, database: Database
) -> None:
    await administration.set_policy(f"^{DEAD_LETTERS}$", max_length=3, delivery_limit=0)
    await until_full(platform)
    filled, _ = await places(platform, database)
    before = await keys(invoke)
    shown = await invoke("dead-letters", "show", before[-1])
    listed = json.loads((await invoke("dead-letters", "list", "--json")).stdout)

    assert (shown.exit_code, [letter["key"] for letter in listed]) == (Exit.DONE, before)
    queued, stored = await places(platform, database)
    assert (len(before), queued + stored) == (filled, filled)


async def test_letters_that_a_full_queue_does_not_take_back_return_when_there_is_room(
    invoke: Invoke,
    platform: Platform,
    administration: Administration,
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So few letters would otherwise be held together, and leave their places to each other.
    monkeypatch.setattr(reader, "MOVED_TOGETHER", 1)
    await unrouted(platform, *(b"%d" % place for place in range(6)))
    before = await keys(invoke)
    listed = await listed_when_full(invoke, administration, 2)
    queued, stored = await places(platform, database)
    waiting = await invoke("dead-letters", "show", before[0])
    handled = before[-1]
    shown = await invoke("dead-letters", "show", handled)
    discarded = await invoke("dead-letters", "discard", handled, "--yes", *BY_ADA)
    await administration.clear_policy()
    async with working(database, settings):
        await until_there(platform, DEAD_LETTERS, 5)

    assert [line[:10] for line in listed.stdout.splitlines()[:-1:2]] == before
    assert listed.stdout.endswith("6 dead letters (6 NOT_ROUTED)\n")
    assert (queued + stored, queued > 0, stored > 0) == (6, True, True)
    assert f"{stored} letters that it did not take back wait in the database" in listed.stderr
    assert "waits in the database, and returns when there is room" in waiting.output
    assert (shown.exit_code, discarded.stdout) == (Exit.DONE, "1 discarded\n")
    assert {*await keys(invoke)} == {*before[:-1]}
    assert await rows(database, "SELECT * FROM queued_dead_letters") == []


async def test_a_full_queue_is_not_touched_while_the_database_is_away_and_can_be_emptied(
    invoke: Invoke, platform: Platform, administration: Administration
) -> None:
    await unrouted(platform, *(b"%d" % index for index in range(6)))
    away = {"DATABASE_URL": "postgresql://worker@127.0.0.1:1/numbers"}
    listed = await listed_when_full(invoke, administration, 3, **away)

    assert listed.exit_code == Exit.UNAVAILABLE
    assert "move to the database, which cannot be used" in listed.stderr
    await until_there(platform, DEAD_LETTERS, 6)
    emptied = await invoke("dead-letters", "discard", "--all", "--yes", *BY_ADA)
    assert emptied.output == "6 discarded\n"
    assert (await invoke("dead-letters", "list")).output == "0 dead letters\n"
