"""What operators decide about operations: done, retry, give up."""

import pytest

from tests.support.data.awaiting import MAKE_ACTIVE, NUMBER, SITE, USAGE, awaiting, of_type
from tests.support.platform import Platform
from tests.support.workers import rows, store, working
from worker.core.operations.results import Resolution
from worker.operator.resolve import NothingToResolve, resolve_number
from worker.settings import Settings
from worker.storage.acts import Author
from worker.storage.connecting.engine import Database


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
            patient, NUMBER, Resolution.RETRY, Author("Ada", "the PBX was upgraded")
        )
        await platform.until(lambda: len(platform.pbx_messages) == 3)
        assert platform.pbx_messages[2] == reset
        await platform.answer(reset["id"], "done")
        await platform.until(lambda: "RESERVED" in platform.outcome_so_far(command))

    decided = """SELECT acts.act, decided_by, reason, subject, item, act_items.detail
        FROM acts JOIN act_items ON act_items.act = acts.place"""
    assert await rows(database, decided) == [
        ("resolve", "Ada", "the PBX was upgraded", NUMBER, command, "retry")
    ]


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
        await resolve_number(patient, NUMBER, resolution, Author("Ada", "by hand"))
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
        await resolve_number(plain, NUMBER, Resolution.DONE, Author("Ada", "by hand"))
        assert await platform.outcome(command) == ["PENDING", "RESERVED"]


async def test_a_number_without_an_operation_has_nothing_to_resolve(
    database: Database, settings: Settings
) -> None:
    await store(database, *SITE)
    with pytest.raises(NothingToResolve, match="pending"):
        await resolve_number(settings, NUMBER, Resolution.DONE, Author("Ada", "?"))
