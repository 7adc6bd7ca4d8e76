"""PBX results, deadlines and operators' decisions, seen from outside: messages and database."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.inserts import call_settings, handset_login, phone_numbers, voice_service
from tests.support.platform import Platform, platform_at
from tests.support.workers import rows, store, working
from worker.consuming import consumer
from worker.core.operations.results import Resolution
from worker.operator.resolve import NothingToResolve, resolve_number
from worker.operator.send import send_command
from worker.settings import Settings
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"
MAIN_NUMBER = "+442079460000"

SITE = (voice_service(2), phone_numbers(NUMBER, extension="101"))
ACTIVE_MAIN_NUMBER = (
    phone_numbers(MAIN_NUMBER, status="ACTIVE", main_number=True),
    call_settings(MAIN_NUMBER),
)
MAKE_ACTIVE = (
    f"UPDATE phone_numbers SET status = 'ACTIVE' WHERE phone_number = '{NUMBER}'",
    handset_login(NUMBER),
)
USAGE = "SELECT active, pending FROM entitlement_usage"
OUTCOME = "SELECT outcome, failure FROM commands"


def awaiting(
    settings: Settings, *steps: str, pause_seconds: float = 20, **changes: float
) -> Settings:
    """Settings of a worker that awaits results of these steps, with pauses between requests."""
    return Settings.model_validate(
        {
            **settings.model_dump(),
            "awaited_steps": steps,
            "step_first_pause_seconds": pause_seconds,
            "step_longest_pause_seconds": pause_seconds,
            "sweep_interval_seconds": 0.05,
            **changes,
        }
    )


def of_type(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in events if event["type"].endswith(f".{kind}.v1")]


async def pending_event(platform: Platform) -> Mapping[str, Any]:
    await platform.until(lambda: platform.events)
    return platform.events[0]


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


async def test_a_refused_deactivation_waits_for_an_operator_who_retries_it(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MAKE_ACTIVE)
    patient = awaiting(settings, "extension_reset")
    async with working(database, patient):
        command = await platform.send("deactivate", NUMBER)
        await platform.until(lambda: len(platform.pbx_messages) == 2)
        reset = platform.pbx_messages[1]
        await platform.answer(reset["id"], "refused")
        await platform.until(lambda: of_type(platform.events, "operation_failed"))
        (failed,) = of_type(platform.events, "operation_failed")
        assert (failed["needs_a_person"], failed["status"]) == (True, "PENDING")

        await resolve_number(
            patient, NUMBER, Resolution.RETRY, decided_by="Ada", reason="the PBX was upgraded"
        )
        await platform.until(lambda: len(platform.pbx_messages) == 3)
        assert platform.pbx_messages[2] == reset
        await platform.answer(reset["id"], "done")
        await platform.until(lambda: "RESERVED" in platform.outcome_so_far(command))

    decided = "SELECT resolution, decided_by, reason FROM resolutions"
    assert await rows(database, decided) == [("retry", "Ada", "the PBX was upgraded")]


@pytest.mark.parametrize(
    ("resolution", "outcome", "failures"),
    [(Resolution.DONE, "completed", []), (Resolution.GIVE_UP, "failed", ["GIVEN_UP"])],
)
async def test_an_operator_ends_a_deactivation(
    database: Database,
    settings: Settings,
    platform: Platform,
    *,
    resolution: Resolution,
    outcome: str,
    failures: list[str],
) -> None:
    await store(database, *SITE, *MAKE_ACTIVE)
    patient = awaiting(settings, "extension_reset")
    async with working(database, patient):
        command = await platform.send("deactivate", NUMBER)
        await platform.until(lambda: len(platform.pbx_messages) == 2)
        await resolve_number(patient, NUMBER, resolution, decided_by="Ada", reason="by hand")
        await platform.until(lambda: "RESERVED" in platform.outcome_so_far(command))

    failed = of_type(platform.events, "operation_failed")
    assert [item["code"] for item in failed] == failures
    assert await rows(database, "SELECT outcome FROM commands") == [(outcome,)]
    assert await rows(database, USAGE) == [(0, 0)]


async def test_an_operator_ends_an_operation_whose_message_the_broker_never_accepted(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MAKE_ACTIVE)
    await platform.channel.queue_delete("pbx.extension-reset")
    plain = awaiting(settings, operation_at_risk_seconds=0.1, declare_topology=False)
    async with working(database, plain):
        command = await platform.send("deactivate", NUMBER)
        await platform.until(lambda: of_type(platform.events, "operation_delayed"))
        (late,) = of_type(platform.events, "operation_delayed")
        assert [step["step"] for step in late["awaiting"]] == ["extension_reset"]
        assert "no queue" in late["message"]
        await resolve_number(plain, NUMBER, Resolution.DONE, decided_by="Ada", reason="by hand")
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]


async def test_a_number_without_an_operation_has_nothing_to_resolve(
    database: Database, settings: Settings
) -> None:
    await store(database, *SITE)
    with pytest.raises(NothingToResolve, match="pending"):
        await resolve_number(settings, NUMBER, Resolution.DONE, decided_by="Ada", reason="?")


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
        await resolve_number(
            hasty, NUMBER, Resolution.GIVE_UP, decided_by="Ada", reason="no such PBX"
        )
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


async def test_an_operation_completes_after_its_step_is_no_longer_awaited(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, awaiting(settings, "activation")):
        command = await platform.send("activate", NUMBER)
        await pending_event(platform)
    async with working(database, awaiting(settings)):
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_an_operation_that_awaited_no_result_completes_after_results_are_awaited(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MAKE_ACTIVE)
    await platform.channel.queue_delete("pbx.extension-reset")
    async with working(database, awaiting(settings, declare_topology=False)):
        command = await platform.send("deactivate", NUMBER)
        await platform.until(lambda: platform.events)
    async with working(database, awaiting(settings, "extension_reset", "handset_logout")):
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]


async def test_a_result_that_arrives_while_no_worker_runs_is_counted(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    waiting = awaiting(settings, "activation")
    async with working(database, waiting):
        command = await platform.send("activate", NUMBER)
        pending = await pending_event(platform)
    await platform.answer(pending["id"], "done")
    async with working(database, waiting):
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_a_result_that_waited_through_an_outage_is_not_late(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    waiting = awaiting(
        settings, "activation", operation_at_risk_seconds=1, operation_time_allowed_seconds=1
    )
    async with working(database, waiting):
        command = await platform.send("activate", NUMBER)
        pending = await pending_event(platform)
    await asyncio.sleep(1.2)
    for _ in range(500):
        await platform.answer("unknown-step", "done")
    await platform.answer(pending["id"], "done")
    async with working(database, waiting):
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_worker_does_not_wait_for_purged_results(
    database: Database, settings: Settings, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The start counts more messages than arrive, as if the queue was purged in between.
    async def counted(*_: object) -> int:
        return 5

    monkeypatch.setattr(consumer, "ready_messages", counted)
    await store(database, *SITE)
    times = {
        "operation_at_risk_seconds": 0.5,
        "operation_time_allowed_seconds": 0.5,
        "watchdog_seconds": 1,
    }
    async with working(database, awaiting(settings, "activation", **times)):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: "RESERVED" in platform.outcome_so_far(command))


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


async def until_empty(database: Database, query: str) -> None:
    async with asyncio.timeout(30):
        while await rows(database, query):
            await asyncio.sleep(0.02)
