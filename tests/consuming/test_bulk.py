"""Commands in bulk have the same outcome, and let those for which people wait go first."""

import pytest

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.platform import Platform
from tests.support.workers import store, working
from worker.broker.partition_queues import queue_names_for
from worker.core.partitions import Layout
from worker.operator.partitions.repartition import repartition
from worker.settings import Settings
from worker.storage.connecting.engine import Database

BATCH = 10
BURST = [f"+4420794601{place:02}" for place in range(100)]
CLICKED = [f"+4420794602{place:02}" for place in range(10)]
TAKEN_AT_ONCE = 3 * BATCH
"""Bulk commands that may be handled before the first interactive one is delivered."""


@pytest.fixture
def small_batches(settings: Settings) -> Settings:
    return settings.model_copy(update={"batch_maximum_commands": BATCH})


def pending(platform: Platform) -> list[str]:
    """The numbers in the order of their PENDING events."""
    changes = (event["data"] for event in platform.events if "previous_status" in event["data"])
    return [data["phone_number"] for data in changes if data["status"] == "PENDING"]


async def test_commands_in_bulk_activate_and_are_refused_like_others(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), phone_numbers(*BURST[:2]))
    async with working(database, settings):
        activated = await platform.send("activate", BURST[0], bulk=True)
        assert await platform.outcome(activated) == ["PENDING", "ACTIVE"]
        refused = await platform.send("activate", BURST[1], bulk=True)
        assert await platform.outcome(refused) == ["ENTITLEMENT_EXHAUSTED"]
        deactivated = await platform.send("deactivate", BURST[0], bulk=True)
        assert await platform.outcome(deactivated) == ["PENDING", "RESERVED"]


async def test_clicks_are_answered_before_a_burst_that_was_queued_before_them(
    database: Database, small_batches: Settings, platform: Platform
) -> None:
    await store(database, voice_service(200), phone_numbers(*BURST, *CLICKED))
    for number in BURST:
        await platform.send("activate", number, bulk=True)
    clicks = [await platform.send("activate", number) for number in CLICKED]
    async with working(database, small_batches):
        for command in clicks:
            assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        await platform.until(lambda: len(pending(platform)) == len(BURST) + len(CLICKED))
    order = pending(platform)

    assert max(map(order.index, CLICKED)) < TAKEN_AT_ONCE + len(CLICKED)


async def test_a_click_of_another_account_is_answered_before_a_burst_on_the_same_queue(
    database: Database, small_batches: Settings, platform: Platform
) -> None:
    globex = {"account_id": "globex"}
    await store(
        database,
        *(voice_service(200), voice_service(1, account_id="globex")),
        *(phone_numbers(*BURST), phone_numbers(CLICKED[0], **globex)),
    )
    for number in BURST:
        await platform.send("activate", number)
    click = await platform.send("activate", CLICKED[0], **globex)
    async with working(database, small_batches):
        assert await platform.outcome(click) == ["PENDING", "ACTIVE"]
        await platform.until(lambda: len(pending(platform)) == len(BURST) + 1)

    assert pending(platform).index(CLICKED[0]) < len(BURST) - BATCH


async def test_an_unreadable_message_in_bulk_is_dead_lettered_with_its_routing_key(
    database: Database, settings: Settings, platform: Platform
) -> None:
    async with working(database, settings):
        await platform.send_raw(b"no command", "activate.bulk")
        letter = await platform.dead_letter()

    assert letter.headers["x-error-code"] == "NOT_JSON"
    assert letter.headers["x-original-routing-key"] == "phone_number.activate.bulk"


async def test_each_partition_has_a_queue_for_bulk_commands(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(200), phone_numbers(*BURST[:1]))
    await repartition(settings, 2, wait_seconds=5, report=lambda _: None)
    layout = Layout(2, routed=True)
    queues = queue_names_for("telephony.phone_number.commands.bulk", layout)
    async with working(database, settings):
        command = await platform.send("activate", BURST[0], bulk=True)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        waiting = [await platform.channel.declare_queue(name, passive=True) for name in queues]

    assert [it.declaration_result.consumer_count for it in waiting] == [1, 1]
