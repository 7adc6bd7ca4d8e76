"""Operators pause and resume the intake, and every act is recorded with who and why."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.command_line import Invoke
from tests.support.data.inserts import Expression, commands, phone_numbers, voice_service
from tests.support.dead_letters import until_there
from tests.support.platform import Platform
from tests.support.workers import rows, store, until_leading, working
from worker.cli.exits import Exit
from worker.operator import acts as listing
from worker.settings import Settings
from worker.storage.connecting.engine import Database

NUMBERS = ("+442079460001", "+442079460002")
QUEUES = ("telephony.phone_number.commands", "telephony.phone_number.commands.bulk")
SITE = (voice_service(2), phone_numbers(*NUMBERS))
BY_ADA = ("--by", "Ada", "--why", "the PBX is being upgraded")
BY_LIN = ("--by", "Lin", "--why", "the upgrade is done")


async def recorded(invoke: Invoke) -> list[dict[str, Any]]:
    return list(json.loads((await invoke("acts", "--json")).stdout))


async def until_unconsumed(platform: Platform, queue: str) -> None:
    async with asyncio.timeout(90):
        while True:
            found = await platform.channel.declare_queue(queue, passive=True)
            if not found.declaration_result.consumer_count:
                return
            await asyncio.sleep(0.05)


async def test_a_pause_keeps_commands_in_their_queue_until_it_is_resumed(
    invoke: Invoke, database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, settings) as worker:
        await until_leading(worker)
        assert (await invoke("pause", *BY_ADA)).exit_code == Exit.DONE
        await worker.intake.until(paused=True)
        # What the worker takes until its consumers have ended, it still handles.
        for queue in QUEUES:
            await until_unconsumed(platform, queue)
        interactive = await platform.send("activate", NUMBERS[0])
        bulk = await platform.send("activate", NUMBERS[1], bulk=True)
        for queue in QUEUES:
            await until_there(platform, queue, 1)
        assert platform.events == []

        assert (await invoke("resume", *BY_LIN)).output.startswith("Resumed. It was paused since")
        for command in (interactive, bulk):
            assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    assert [(act["act"], act["decided_by"], act["reason"]) for act in await recorded(invoke)] == [
        ("pause", "Ada", "the PBX is being upgraded"),
        ("resume", "Lin", "the upgrade is done"),
    ]


async def test_a_worker_that_starts_during_a_pause_reads_results_and_takes_no_commands(
    invoke: Invoke, database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    waiting = settings.model_copy(update={"awaited_steps": frozenset({"activation"})})
    async with working(database, waiting):
        under_way = await platform.send("activate", NUMBERS[0])
        await platform.until(lambda: platform.outcome_so_far(under_way) == ["PENDING"])
    await invoke("pause", *BY_ADA)

    async with working(database, waiting) as worker:
        await until_leading(worker)
        held = await platform.send("activate", NUMBERS[1])
        await platform.answer(platform.events[0]["id"], "done")
        assert await platform.outcome(under_way) == ["PENDING", "ACTIVE"]
        await until_there(platform, "telephony.phone_number.commands", 1)

    assert platform.outcome_so_far(held) == []


async def test_a_pause_holds_for_the_router_and_for_each_partition(
    invoke: Invoke, database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    assert (await invoke("partitions", "2")).exit_code == Exit.DONE
    await invoke("pause", *BY_ADA)
    async with working(database, settings) as worker:
        await until_leading(worker)
        command = await platform.send("activate", NUMBERS[0])
        await worker.intake.until(paused=True)
        await until_there(platform, "telephony.phone_number.commands", 1)

        await invoke("resume", *BY_LIN)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_check_and_show_say_who_paused_the_intake_and_why(
    invoke: Invoke, database: Database
) -> None:
    await store(database, *SITE)
    await invoke("pause", *BY_ADA)

    check, shown = await invoke("check"), await invoke("show", NUMBERS[0])

    assert check.exit_code == Exit.DONE
    for output in (check.output, shown.output):
        assert "paused since 20" in output
        assert "by Ada: the PBX is being upgraded" in output


async def test_a_second_pause_and_a_second_resume_change_and_record_nothing(
    invoke: Invoke,
) -> None:
    await invoke("pause", *BY_ADA)
    again = await invoke("pause", *BY_LIN)
    await invoke("resume", *BY_LIN)
    nothing = await invoke("resume", *BY_LIN)

    assert again.output.startswith("Nothing changed: paused since ")
    assert "by Ada: " in again.output
    assert nothing.output == "Nothing changed: the intake is not paused.\n"
    assert [act["act"] for act in await recorded(invoke)] == ["pause", "resume"]


@pytest.mark.parametrize("page_rows", [1, 2, 1000])
async def test_acts_are_listed_page_by_page_the_newest_last(
    invoke: Invoke, database: Database, monkeypatch: pytest.MonkeyPatch, page_rows: int
) -> None:
    monkeypatch.setattr(listing, "PAGE_ROWS", page_rows)
    await store(
        database,
        """INSERT INTO acts (decided_at, act, decided_by, reason)
        SELECT now(), 'resolve', 'Ada', 'reason ' || place FROM generate_series(1, 4) AS place""",
        """INSERT INTO act_items (act, subject, item)
        SELECT 4, '+44207946000' || place, 'command-1' FROM generate_series(1, 5) AS place""",
    )

    listed = (await invoke("acts")).output

    assert [line.rpartition(": ")[2] for line in listed.splitlines() if "Ada" in line] == [
        f"reason {place}" for place in (1, 2, 3, 4)
    ]
    assert listed.endswith("    +442079460003 command-1\n    and 2 more\n4 acts\n")


async def test_retention_shows_and_then_deletes_what_is_older_than_the_history(
    invoke: Invoke, database: Database
) -> None:
    old = Expression("now() - interval '31 days'")
    await store(
        database,
        commands(1500, "old", received_at=old),
        commands(1, "young"),
        """WITH recorded AS (
            INSERT INTO acts (decided_at, act, decided_by, reason)
            VALUES (now() - interval '31 days', 'resolve', 'Ada', 'old') RETURNING place
        )
        INSERT INTO act_items (act, item) SELECT place, 'command-1' FROM recorded""",
    )

    shown = await invoke("retention", "--json", WORKER_HISTORY_DAYS="30")
    kept = await rows(database, "SELECT count(*) FROM commands")
    # The setting of this shell does not count.
    deleting = ("retention", "--now", "--days", "30", "--json", *BY_ADA)
    deleted = await invoke(*deleting, WORKER_HISTORY_DAYS="90")

    counted = json.loads(shown.stdout)["rows"]
    found = {kind: count for kind, count in counted.items() if count}
    assert found == {"commands": 1500, "acts": 1}
    assert kept == [(1501,)]
    assert json.loads(deleted.stdout)["rows"] == counted
    assert await rows(database, "SELECT command_id FROM commands") == [("young-1",)]
    assert await rows(database, "SELECT act, decided_by FROM acts") == [("retention", "Ada")]
    assert await rows(database, "SELECT FROM act_items") == []
