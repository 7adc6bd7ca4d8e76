"""Results, deadlines and decisions of people, seen from outside: broker, database and messages."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.platform import Platform, platform_at
from tests.support.workers import rows, store, working
from worker.consuming import consumer
from worker.core.results import Resolution
from worker.operator.resolve import NothingToResolve, resolve_number
from worker.operator.send import send_command
from worker.settings import Settings
from worker.storage.engine import Database

NUMBER = "+442079460001"
MAIN_NUMBER = "+442079460000"

SITE = (
    """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 2)""",
    f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, extension, status)
    VALUES ('{NUMBER}', 'london', 'acme', '101', 'RESERVED')""",
)
ACTIVE_MAIN_NUMBER = (
    f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, status, main_number)
    VALUES ('{MAIN_NUMBER}', 'london', 'acme', 'ACTIVE', true)""",
    f"""INSERT INTO call_settings
    VALUES ('{MAIN_NUMBER}', 'reception', 'hunt_group', 'none', 'none')""",
)
MADE_ACTIVE = (
    f"UPDATE phone_numbers SET status = 'ACTIVE' WHERE phone_number = '{NUMBER}'",
    f"INSERT INTO handset_logins VALUES ('{NUMBER}', 'desk-7', 'digital')",
)
USAGE = "SELECT active, pending FROM entitlement_usage"
OUTCOME = "SELECT outcome, failure FROM commands"


def awaiting(settings: Settings, *steps: str, **changes: float) -> Settings:
    """The settings of a worker that waits for these steps, and is asked again at once."""
    return Settings.model_validate(
        {
            **settings.model_dump(),
            "awaited_steps": steps,
            "step_first_pause_seconds": 0.01,
            "step_longest_pause_seconds": 0.01,
            "sweep_interval_seconds": 0.05,
            **changes,
        }
    )


def of_type(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in events if event["type"].endswith(f".{kind}.v1")]


async def pending_event(platform: Platform) -> Mapping[str, Any]:
    await platform.until(lambda: platform.events)
    return platform.events[0]


async def test_a_number_is_active_only_when_the_pbx_says_so(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, awaiting(settings, "activation")):
        command = await platform.send("activate", NUMBER)
        pending = await pending_event(platform)
        await platform.answer(pending["id"], "retry_later", code="BUSY")
        await platform.until(lambda: len(platform.events) == 2)
        await platform.answer(pending["id"], "done")
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    assert platform.events[1] == pending
    assert await rows(database, "SELECT state, attempt, last_result FROM pbx_steps") == [
        ("done", 2, "done")
    ]
    assert await rows(database, USAGE) == [(1, 0)]
    assert await rows(database, "SELECT 1 FROM outbox UNION SELECT 1 FROM operations") == []


async def test_a_refused_activation_goes_back_and_frees_its_service(
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


async def test_a_silent_pbx_is_spoken_of_once_and_then_ends_the_activation(
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


async def test_a_deactivation_waits_for_each_step_and_takes_results_in_any_order(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MADE_ACTIVE)
    async with working(database, awaiting(settings, "handset_logout", "extension_reset")):
        command = await platform.send("deactivate", NUMBER)
        await platform.until(lambda: len(platform.pbx_messages) == 2)
        ids = [message["id"] for message in platform.pbx_messages]
        await platform.answer("never-given-out", "done")
        await platform.answer(ids[1], "not_applicable")
        await platform.answer(ids[1], "refused")
        await platform.answer(ids[0], "already")
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]

    assert of_type(platform.events, "operation_failed") == []
    assert await rows(database, OUTCOME) == [("completed", None)]


async def test_a_deactivation_that_is_refused_waits_for_a_person_who_has_it_tried_again(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MADE_ACTIVE)
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
async def test_a_person_ends_a_deactivation(
    database: Database,
    settings: Settings,
    platform: Platform,
    *,
    resolution: Resolution,
    outcome: str,
    failures: list[str],
) -> None:
    await store(database, *SITE, *MADE_ACTIVE)
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


async def test_a_person_ends_what_the_broker_never_took(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MADE_ACTIVE)
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
    async with working(database, awaiting(settings, "hunt_group_membership")):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: platform.pbx_messages)
        (join,) = platform.pbx_messages
        await platform.answer(join["id"], "refused", code="GROUP_FULL")
        await platform.until(lambda: len(platform.pbx_messages) == 2)
        await platform.answer(join["id"], "done")
        await until_empty(database, "SELECT 1 FROM operations")

    assert platform.outcome_so_far(command) == ["PENDING", "ACTIVE"]
    (outstanding,) = platform.events[-1]["data"]["outstanding"]
    assert outstanding["operation_id"] == join["id"]


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


async def test_an_activation_that_no_pbx_can_hear_is_kept_until_one_can(
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


async def test_nobody_is_stranded_when_waiting_is_switched_off(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    async with working(database, awaiting(settings, "activation")):
        command = await platform.send("activate", NUMBER)
        await pending_event(platform)
    async with working(database, awaiting(settings)):
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_nobody_is_stranded_when_waiting_is_switched_on(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *SITE, *MADE_ACTIVE)
    await platform.channel.queue_delete("pbx.extension-reset")
    async with working(database, awaiting(settings, declare_topology=False)):
        command = await platform.send("deactivate", NUMBER)
        await platform.until(lambda: platform.events)
    async with working(database, awaiting(settings, "extension_reset", "handset_logout")):
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]


async def test_results_and_deadlines_are_kept_through_a_restart(
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
    waiting = awaiting(settings, "activation", operation_time_allowed_seconds=1)
    async with working(database, waiting):
        command = await platform.send("activate", NUMBER)
        pending = await pending_event(platform)
    await asyncio.sleep(1.2)
    for _ in range(500):
        await platform.answer("somebody-else", "done")
    await platform.answer(pending["id"], "done")
    async with working(database, waiting):
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_results_that_were_purged_are_not_waited_for(
    database: Database, settings: Settings, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More were counted than come: somebody purged the queue in that moment.
    async def counted(*_: object) -> int:
        return 5

    monkeypatch.setattr(consumer, "ready_messages", counted)
    await store(database, *SITE)
    times = {"operation_time_allowed_seconds": 0.5, "watchdog_seconds": 0.2}
    async with working(database, awaiting(settings, "activation", **times)):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: "RESERVED" in platform.outcome_so_far(command))


async def test_a_pending_event_is_said_even_of_an_operation_that_was_given_up(
    database: Database, settings: Settings, amqp_url: str
) -> None:
    await store(database, *SITE)
    wish = {"operation": "activate", "number": NUMBER, "account": "acme", "site": "london"}
    waiting = awaiting(settings, "activation")
    async with working(database, waiting):
        await send_command(settings, wish, wait_seconds=None, on_event=lambda _: None)
        refused = "SELECT 1 FROM outbox WHERE attempts > 0"
        await until_empty(database, f"SELECT 1 WHERE NOT EXISTS ({refused})")
        await resolve_number(waiting, NUMBER, Resolution.GIVE_UP, decided_by="Ada", reason="gone")
        async with platform_at(amqp_url) as platform:
            await platform.until(lambda: len(platform.events) == 3)

    said = [event["data"]["status"] for event in platform.events]
    assert said == ["PENDING", "RESERVED", "RESERVED"]


async def test_an_unreadable_result_becomes_a_dead_letter(
    database: Database, settings: Settings, platform: Platform
) -> None:
    async with working(database, settings):
        await platform.answer("operation-1", "perhaps")
        letter = await platform.dead_letter()

    assert letter.headers["x-error-code"] == "INVALID"
    assert letter.headers["x-original-exchange"] == "telephony.pbx.results"


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
