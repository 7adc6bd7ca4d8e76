"""`partitions N` changes the number of partitions."""

import asyncio
from functools import partial

import pytest
from activation_contracts.catalogue import COMMAND_QUEUE

from tests.support.data.inserts import outbox_message
from tests.support.partitions import (
    ALL,
    BUILDING,
    SOME,
    change,
    command_of,
    existing,
    is_in_sequence,
    key_of,
    layout_of,
    put,
    routed,
    send_commands,
    taken,
    taken_by_number,
)
from tests.support.platform import Platform
from tests.support.workers import rows, store, until_leading, working
from worker.app.run import supervisor
from worker.broker.connecting.connection import connect
from worker.broker.partition_queues import (
    PARTITION_EXCHANGE,
    queue_names_of,
    source_queue,
)
from worker.broker.queue_markers import MARKER
from worker.core.partitions import partition_of
from worker.operator.partitions import repartition as repartitioning
from worker.operator.partitions.repartition import RepartitionTimedOut, repartition
from worker.operator.partitions.showing import format_partitions, show_partitions
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.storage.deployment.preflight import NotReady
from worker.storage.locks import MEMBER, partition_lock
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter


async def test_change_moves_waiting_commands_in_front_of_later_ones(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *BUILDING)
    await change(settings, 4)
    # The first command of each number is rejected in order, and accepted if it is overtaken.
    firsts = [command_of(number, f"{number}-1", "deactivate") for number in ALL]
    await put(platform, routed(4), firsts)
    commands = await send_commands(platform, "activate", ALL[:40])
    changing = asyncio.create_task(change(settings, 3))
    commands += await send_commands(platform, "activate", ALL[40:])
    await changing
    async with working(database, settings):
        for command in commands:
            assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    rejected = [
        event["data"]["status"]
        for event in platform.events
        if event["type"].endswith("rejected.v1")
    ]
    assert rejected == ["RESERVED"] * len(ALL)
    assert is_in_sequence(platform.events)
    assert await existing(settings, queue_names_of(routed(4))) == set()


async def test_change_relabels_operations_and_outbox(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *BUILDING)
    awaiting = settings.model_copy(update={"awaited_steps": frozenset({"activation"})})
    async with working(database, awaiting):
        for command in await send_commands(platform, "activate", SOME):
            await platform.until(partial(platform.outcome_so_far, command))
    (before,) = await rows(database, "SELECT term + 1 FROM leadership WHERE partition = 0")
    await change(settings, 3)

    labels = await rows(database, "SELECT phone_number, partition FROM operations")
    assert {*labels} == {(number, partition_of(key_of(number), 3)) for number in SOME}
    assert await rows(database, "SELECT term FROM leadership WHERE partition = 0") == [before]
    async with working(database, settings) as worker:
        await until_leading(worker)
        for event in list(platform.events):
            await platform.answer(event["id"], "done")
        await platform.until(lambda: len(platform.events) == 2 * len(SOME))


async def test_change_relabels_a_message_about_an_account_at_a_site(
    database: Database, settings: Settings
) -> None:
    await store(database, outbox_message("acme/london"), outbox_message("+442079460999"))
    await change(settings, 3)

    labels = await rows(database, "SELECT subject, partition FROM outbox")
    # A number that is not provisioned counts for itself.
    expected = {(subject, partition_of(subject, 3)) for subject in ("acme/london", "+442079460999")}
    assert {*labels} == expected


async def test_workers_continue_after_changes_from_one_to_four_to_two_to_one_partitions(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *BUILDING)
    operations = ("activate", "deactivate", "activate", "deactivate")
    for partitions, operation in zip((1, 4, 2, 1), operations, strict=True):
        commands = await send_commands(platform, operation, ALL)
        await change(settings, partitions)
        async with working(database, settings):
            assert [len(await platform.outcome(command)) for command in commands] == [2] * len(ALL)

    assert is_in_sequence(platform.events)
    assert await layout_of(database) == (1, False, None)
    every = [name for n in (1, 2, 4) for name in queue_names_of(routed(n))]
    assert await existing(settings, every) == set()


async def test_a_single_partition_keeps_its_router_until_its_queue_is_found_empty(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    await put(platform, routed(2), [command_of(number, number) for number in SOME])
    reported: list[str] = []
    await repartition(settings, 1, wait_seconds=10, report=reported.append)
    assert await layout_of(database) == (1, True, None)
    assert f"{len(SOME)} waiting commands were moved" in reported[0]
    assert "call `activation-worker partitions 1` again" in reported[1]
    assert "still pass through a router" in format_partitions(await show_partitions(settings))
    # The queue is not empty: its messages return to their places.
    await change(settings, 1)
    assert await layout_of(database) == (1, True, None)
    async with working(database, settings):
        later = await send_commands(platform, "deactivate", SOME)
        for command in SOME:
            assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        await platform.until(lambda: all(platform.outcome_so_far(command) for command in later))
    await change(settings, 1)

    assert await layout_of(database) == (1, False, None)
    assert await existing(settings, queue_names_of(routed(1))) == set()
    async with working(database, settings):
        (command,) = await send_commands(platform, "activate", [ALL[1]])
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_change_is_refused_while_a_worker_runs_and_names_it(
    database: Database, settings: Settings
) -> None:
    reported: list[str] = []
    async with working(database, settings) as worker:
        await until_leading(worker)
        with pytest.raises(RepartitionTimedOut, match=r"Still running: .*activation-worker"):
            await repartition(settings, 2, wait_seconds=1, report=reported.append)
        assert await layout_of(database) == (1, False, None)
        changing = asyncio.create_task(
            repartition(settings, 2, wait_seconds=20, report=reported.append)
        )
        await asyncio.sleep(1)
        assert not changing.done()
        worker.stop()
        await changing

    assert "Waiting until no worker runs" in reported[0]
    assert await layout_of(database) == (2, True, None)


async def test_a_worker_that_starts_during_a_change_waits_for_its_end(
    database: Database,
    settings: Settings,
    platform: Platform,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await store(database, *BUILDING)
    async with database.own_session() as changing:
        await changing.driver.execute("SELECT pg_advisory_lock($1)", partition_lock(MEMBER))
        waiting = working(database, settings)
        worker = await waiting.__aenter__()
        commands = await send_commands(platform, "activate", SOME)
        await asyncio.sleep(2)
        assert not worker.leads
    for command in commands:
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
    await waiting.__aexit__(None, None, None)

    assert "waiting_for_repartition" in capsys.readouterr().out


async def test_a_worker_refuses_to_serve_before_an_interrupted_change_is_finished(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *BUILDING, "UPDATE partitioning SET target = 3")
    with pytest.raises(NotReady, match="run `activation-worker partitions 3`"):
        await supervisor(database, settings, Reporter(Metrics())).run()
    assert "a change to 3 is not finished" in format_partitions(await show_partitions(settings))
    reported: list[str] = []
    await repartition(settings, 2, wait_seconds=10, report=reported.append)

    assert reported == [
        "Finishing an interrupted change to 3 partitions.",
        "The number of partitions is 3 now.",
        "The number of partitions is 2 now.",
    ]
    async with working(database, settings):
        (command,) = await send_commands(platform, "activate", [ALL[0]])
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_change_stays_begun_while_another_connection_consumes_from_an_old_queue(
    database: Database,
    settings: Settings,
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repartitioning, "DELIVERY_SECONDS", 1)
    monkeypatch.setattr(repartitioning, "REPORT_SECONDS", 0.3)
    await change(settings, 2)
    await put(platform, routed(2), [command_of(ALL[0], "held")])
    name = source_queue(COMMAND_QUEUE, partition_of(key_of(ALL[0]), 2), routed(2))
    reported: list[str] = []
    async with await connect(settings.amqp_urls) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(name, ensure=False)
        await queue.consume(asyncio.Queue[object]().put)
        with pytest.raises(RepartitionTimedOut, match=f"still consumes from {name}"):
            await repartition(settings, 3, wait_seconds=0.5, report=reported.append)
    assert f"Waiting until no other connection consumes from {name}." in reported
    assert await layout_of(database) == (2, True, 3)
    await change(settings, 3)

    assert await taken_by_number(settings, queue_names_of(routed(3))) == {ALL[0]: ["held"]}


async def test_a_change_to_the_present_number_creates_missing_queues_while_workers_run(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await change(settings, 2)
    names = queue_names_of(routed(2))
    without = settings.model_copy(update={"declare_topology": False})
    async with working(database, without) as worker:
        await until_leading(worker)
        await platform.channel.queue_delete(names[0])
        await change(settings, 2)
        assert await existing(settings, names) == set(names)


async def test_changes_at_the_same_time_follow_each_other(
    database: Database, settings: Settings
) -> None:
    await asyncio.gather(change(settings, 2), change(settings, 3))

    partitions, _, _ = await layout_of(database)
    assert partitions in {2, 3}
    every = {*queue_names_of(routed(2)), *queue_names_of(routed(3))}
    assert await existing(settings, every) == {*queue_names_of(routed(partitions))}


async def test_change_moves_a_command_with_the_header_of_a_marker(
    settings: Settings, platform: Platform
) -> None:
    message = command_of(ALL[0], "not a marker")
    message.headers = {MARKER: True}
    await change(settings, 2)
    exchange = await platform.channel.get_exchange(PARTITION_EXCHANGE, ensure=False)
    await exchange.publish(message, queue_names_of(routed(2))[0])
    # The second change moves it from the default exchange, like a marker.
    for partitions in (3, 4):
        await change(settings, partitions)
    held = [await taken(settings, name) for name in queue_names_of(routed(4))]

    assert [item.message_id for items in held for item in items] == ["not a marker"]
