"""PBX results and silence, seen from outside: messages and database."""

from tests.support.data.awaiting import (
    MAKE_ACTIVE,
    NUMBER,
    OUTCOME,
    SITE,
    USAGE,
    awaiting,
    of_type,
    pending_event,
    until_empty,
)
from tests.support.platform import Platform, platform_at
from tests.support.workers import rows, store, working
from worker.operator.send import send_command
from worker.settings import Settings
from worker.storage.connecting.engine import Database


async def test_a_number_becomes_active_when_the_pbx_reports_done(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, awaiting(settings, "activation", pause_seconds=0.5)):
        command = await platform.send("activate", NUMBER)
        pending = await pending_event(platform)
        await platform.answer(pending["id"], "retry_later", code="BUSY")
        await platform.until(lambda: len(platform.events) == 2)
        await platform.answer(pending["id"], "done")
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    assert platform.events[1] == pending


async def test_a_number_becomes_active_when_the_pbx_reports_each_attempt_under_one_id(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, awaiting(settings, "activation", pause_seconds=0.5)):
        command = await platform.send("activate", NUMBER)
        pending = await pending_event(platform)
        await platform.answer(pending["id"], "retry_later", id="result-1")
        await platform.until(lambda: len(platform.events) == 2)
        await platform.answer(pending["id"], "done", id="result-1")
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
    assert await rows(database, "SELECT state, attempt, last_result FROM pbx_steps") == [
        ("done", 2, "done")
    ]
    assert await rows(database, USAGE) == [(1, 0)]
    assert await rows(database, "SELECT 1 FROM outbox UNION SELECT 1 FROM operations") == []


async def test_a_refused_activation_returns_to_reserved_and_frees_its_service(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, awaiting(settings, "activation")):
        await platform.send("activate", NUMBER)
        pending = await pending_event(platform)
        await platform.answer(pending["id"], "refused", code="EXTENSION_IN_USE")
        await platform.until(lambda: len(platform.events) == 3)

        (failed,) = of_type(platform.events, "operation_failed")
        assert (failed["code"], failed["pbx_code"]) == ("PBX_REFUSED", "EXTENSION_IN_USE")
        assert platform.events[2]["data"]["status"] == "RESERVED"
        assert await rows(database, USAGE) == [(0, 0)]
        assert await rows(database, OUTCOME) == [("failed", "PBX_REFUSED")]

        await platform.answer(pending["id"], "done")
        again = await platform.send("activate", NUMBER)
        await platform.until(lambda: platform.outcome_so_far(again) == ["PENDING"])
    assert platform.pbx_messages == []


async def test_a_silent_pbx_causes_one_delay_event_and_then_fails_the_activation(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    hasty = awaiting(
        settings, "activation", operation_at_risk_seconds=0.1, operation_time_allowed_seconds=0.6
    )
    async with working(database, hasty):
        await platform.send("activate", NUMBER)
        await platform.until(lambda: of_type(platform.events, "operation_failed"))
        await platform.until(lambda: platform.pbx_messages)

    (late,) = of_type(platform.events, "operation_delayed")
    assert [step["step"] for step in late["awaiting"]] == ["activation"]
    assert late["awaiting"][0]["since"] is not None
    (failed,) = of_type(platform.events, "operation_failed")
    assert (failed["code"], failed["status"]) == ("DEADLINE_PASSED", "RESERVED")
    (reset,) = platform.pbx_messages
    assert reset["type"] == "telephony.extension.reset.v1"
    assert reset["data"]["sequence"] == failed["sequence"]


async def test_a_deactivation_waits_for_each_step_and_accepts_results_in_any_order(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MAKE_ACTIVE)
    async with working(database, awaiting(settings, "handset_logout", "extension_reset")):
        command = await platform.send("deactivate", NUMBER)
        await platform.until(lambda: len(platform.pbx_messages) == 2)
        ids = [message["id"] for message in platform.pbx_messages]
        await platform.answer("unknown-step", "done")
        await platform.answer(ids[1], "not_applicable")
        await platform.answer(ids[1], "refused")
        await platform.answer(ids[0], "already")
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]

    assert of_type(platform.events, "operation_failed") == []
    assert await rows(database, OUTCOME) == [("completed", None)]


async def test_a_silent_pbx_is_asked_for_the_activation_again_under_the_same_id(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, awaiting(settings, "activation", pause_seconds=0.05)):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: len(platform.events) >= 3)
        await platform.answer(platform.events[0]["id"], "done")
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    first, *others, _ = platform.events
    assert all(event == first for event in others)


async def test_an_activation_waits_until_a_queue_receives_its_event(
    database: Database, settings: Settings, amqp_url: str
) -> None:
    await store(database, *SITE)
    wish = {"operation": "activate", "number": NUMBER, "account": "acme", "site": "london"}
    async with working(database, awaiting(settings, "activation")):
        await send_command(settings, wish, wait_seconds=None, on_event=lambda _: None)
        refused = "SELECT 1 FROM outbox WHERE attempts > 0"
        await until_empty(database, f"SELECT 1 WHERE NOT EXISTS ({refused})")
        async with platform_at(amqp_url) as platform:
            pending = await pending_event(platform)
            await platform.answer(pending["id"], "done")
            await platform.until(lambda: len(platform.events) == 2)


async def test_an_unreadable_result_is_dead_lettered(
    database: Database, settings: Settings, platform: Platform
) -> None:
    async with working(database, settings):
        await platform.answer("operation-1", "perhaps")
        dead_letter = await platform.dead_letter()

    assert dead_letter.headers["x-error-code"] == "INVALID"
    assert dead_letter.headers["x-original-exchange"] == "telephony.pbx.results"


async def test_a_result_is_read_under_any_routing_key(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, awaiting(settings, "activation")):
        command = await platform.send("activate", NUMBER)
        pending = await pending_event(platform)
        await platform.answer(pending["id"], "done", routing_key="anything.else")
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
