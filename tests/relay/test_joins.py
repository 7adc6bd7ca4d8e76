"""Joins that follow an activation: outstanding until a PBX has done them."""

from tests.support.data.awaiting import ACTIVE_MAIN_NUMBER, NUMBER, SITE, awaiting, of_type
from tests.support.platform import Platform
from tests.support.workers import rows, store, working
from worker.core.operations.results import Resolution
from worker.operator.resolve import resolve_number
from worker.settings import Settings
from worker.storage.acts import Author
from worker.storage.connecting.engine import Database


async def test_a_join_is_outstanding_until_the_pbx_has_done_it(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *ACTIVE_MAIN_NUMBER)
    async with working(database, awaiting(settings, "hunt_group_membership", pause_seconds=0.5)):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: platform.pbx_messages)
        join = platform.pbx_messages[0]
        await platform.answer(join["id"], "refused", code="GROUP_FULL")
        await platform.until(lambda: len(platform.pbx_messages) == 2)
        await platform.answer(join["id"], "done")
        await platform.until(lambda: of_type(platform.events, "aftermath"))

    assert platform.outcome_so_far(command) == ["PENDING", "ACTIVE"]
    active = of_type(platform.events, "status_changed")[-1]
    (outstanding,) = active["outstanding"]
    assert outstanding["operation_id"] == join["id"]
    (last,) = of_type(platform.events, "aftermath")
    assert (last["what"], last["state"], last["sequence"]) == (
        *("hunt_group_join", "done"),
        active["sequence"],
    )
    assert await rows(database, "SELECT 1 FROM operations") == []


async def test_a_silent_pbx_is_asked_for_the_join_again_until_it_answers(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *ACTIVE_MAIN_NUMBER)
    impatient = awaiting(
        settings, "hunt_group_membership", pause_seconds=0.05, operation_at_risk_seconds=0.1
    )
    async with working(database, impatient):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: len(platform.pbx_messages) >= 3)
        await platform.until(lambda: of_type(platform.events, "aftermath"))
        await platform.answer(platform.pbx_messages[0]["id"], "done")
        await platform.until(lambda: len(of_type(platform.events, "aftermath")) == 2)

    first, *others = platform.pbx_messages
    assert all(message == first for message in others)
    assert platform.outcome_so_far(command) == ["PENDING", "ACTIVE"]
    assert of_type(platform.events, "operation_delayed") == []
    outstanding, done = of_type(platform.events, "aftermath")
    assert (outstanding["state"], done["state"]) == ("outstanding", "done")
    assert outstanding["awaiting"][0]["operation_id"] == first["id"]


async def test_an_aftermath_that_an_operator_gives_up_gets_a_last_word(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    hasty = awaiting(
        settings,
        "activation",
        "extension_reset",
        operation_at_risk_seconds=0.5,
        operation_time_allowed_seconds=0.5,
    )
    async with working(database, hasty):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: of_type(platform.events, "aftermath"))
        await resolve_number(hasty, NUMBER, Resolution.GIVE_UP, Author("Ada", "no such PBX"))
        await platform.until(lambda: len(of_type(platform.events, "aftermath")) == 2)

    needing, last = of_type(platform.events, "aftermath")
    assert (needing["state"], needing["code"]) == ("needs_a_person", "DEADLINE_PASSED")
    assert (last["state"], last["what"]) == ("given_up", "compensation")
    assert "no such PBX" in last["detail"]
    assert platform.outcome_so_far(command) == ["PENDING", "DEADLINE_PASSED", "RESERVED"]
    ledger = "SELECT outcome, failure FROM commands"
    assert await rows(database, ledger) == [("failed", "DEADLINE_PASSED")]


async def test_a_deactivation_supersedes_a_join_that_is_outstanding(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *ACTIVE_MAIN_NUMBER)
    async with working(database, awaiting(settings, "hunt_group_membership")):
        await platform.send("activate", NUMBER)
        await platform.until(lambda: platform.pbx_messages)
        command = await platform.send("deactivate", NUMBER)
        await platform.until(lambda: len(platform.pbx_messages) == 3)
        join, leave, _ = platform.pbx_messages
        await platform.answer(join["id"], "done")
        await platform.answer(leave["id"], "done")
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]

    assert leave["data"]["sequence"] > join["data"]["sequence"]
