"""`partitions N` changes the number of partitions, also when it is killed at any point."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

import aio_pika
import asyncpg
import pytest
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity
from sqlalchemy.exc import DBAPIError
from typing_extensions import override

from contracts.catalogue import COMMAND_QUEUE
from tests.support.partitions import BUILDING, NUMBERS, change, is_in_sequence, send_commands
from tests.support.platform import Platform
from tests.support.proxy import Proxy
from tests.support.traps import Lost, Trap
from tests.support.wire import Request
from tests.support.workers import rows, store, until_leading, working
from worker.app.run import supervisor
from worker.broker.confirm_channel import NotPublished
from worker.broker.connection import BrokerUnavailable, connect
from worker.broker.partition_queues import (
    PARTITION_EXCHANGE,
    bind_partition_queues,
    queue_names_of,
    source_queue,
)
from worker.broker.publisher import Publisher
from worker.broker.queue_markers import MARKER, append_marker
from worker.core.partitions import Layout, partition_of
from worker.operator import repartition as repartitioning
from worker.operator.partitions import format_partitions, show_partitions
from worker.operator.repartition import RepartitionTimedOut, repartition
from worker.settings import Settings
from worker.storage.engine import Database
from worker.storage.errors import CONNECTION_FAILURES
from worker.storage.locks import MEMBER, partition_lock
from worker.storage.preflight import NotReady
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

ALL = tuple(NUMBERS)
SOME = ALL[::7]
DIRECT = Layout(1)
KILLED = (
    asyncpg.PostgresError,
    AMQPError,
    BrokerUnavailable,
    NotPublished,
    DBAPIError,
    *CONNECTION_FAILURES,
)
Waiting = Mapping[str, Sequence[str]]
"""The ids of the waiting commands, in order, by number."""


def routed(partitions: int) -> Layout:
    return Layout(partitions, routed=True)


def key_of(number: str) -> str:
    return f"{NUMBERS[number]}/london"


def command_of(number: str, identifier: str, operation: str = "activate") -> aio_pika.Message:
    event = {
        "specversion": "1.0",
        "id": identifier,
        "source": "/tests",
        "type": f"telephony.phone_number.{operation}.v1",
        "data": {
            "phone_number": number,
            "account_id": NUMBERS[number],
            "site_id": "london",
        },
    }
    return aio_pika.Message(
        json.dumps(event).encode(),
        message_id=identifier,
        content_type="application/cloudevents+json",
        headers={"x-original-exchange": "telephony.commands", "x-original-routing-key": "any"},
    )


async def put(platform: Platform, layout: Layout, commands: Iterable[aio_pika.Message]) -> None:
    """Puts commands into the queues of their partitions, as the router does."""
    for message in commands:
        number = json.loads(message.body)["data"]["phone_number"]
        partition = partition_of(key_of(number), layout.partitions)
        queue = source_queue(partition, layout)
        await platform.channel.default_exchange.publish(message, queue)


async def taken_by_number(settings: Settings, names: Sequence[str]) -> Waiting:
    """Takes all commands from these queues; their ids in order, without repeats."""
    waiting: dict[str, list[str]] = defaultdict(list)
    for name in names:
        for message in await taken(settings, name):
            assert MARKER not in message.headers, "a marker is left"
            number = json.loads(message.body)["data"]["phone_number"]
            if message.message_id not in waiting[number]:
                waiting[number].append(str(message.message_id))
    return waiting


async def taken(settings: Settings, name: str) -> Sequence[aio_pika.abc.AbstractIncomingMessage]:
    """Takes all messages from the queue."""
    messages: list[aio_pika.abc.AbstractIncomingMessage] = []
    async with await connect(settings.amqp_urls) as connection:
        publisher = Publisher(connection, 10, published_alone=set())
        marker = await append_marker(publisher, name)
        channel = await connection.channel()
        queue = await channel.get_queue(name, ensure=False)
        async with asyncio.timeout(10), queue.iterator() as arriving:
            async for message in arriving:
                await message.ack()
                if message.message_id == marker:
                    break
                messages.append(message)
    return messages


async def existing(settings: Settings, names: Iterable[str]) -> set[str]:
    """The names of the queues that exist."""
    found = set()
    async with await connect(settings.amqp_urls) as connection:
        for name in names:
            with contextlib.suppress(ChannelNotFoundEntity):
                async with await connection.channel() as channel:
                    await channel.declare_queue(name, passive=True)
                found.add(name)
    return found


async def layout_of(database: Database) -> tuple[object, ...]:
    (row,) = await rows(database, "SELECT partitions, routed, target FROM partitioning")
    return row


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
    name = source_queue(partition_of(key_of(ALL[0]), 2), routed(2))
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

    assert (await layout_of(database))[0] in {2, 3}
    every = {*queue_names_of(routed(2)), *queue_names_of(routed(3))}
    assert len(await existing(settings, every)) == (await layout_of(database))[0]


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


# Kills ------------------------------------------------------------------------------------------


class Kill(Trap):
    """Cuts all connections of a process at once before its nth request with an effect.

    For the servers that equals a kill. A process affects them only by its requests, so a cut before
    each request with an effect covers all points that differ.
    """

    EFFECTS = ("queue.", "exchange.", "basic.publish", "basic.ack", "COMMIT", "UPDATE")

    def __init__(self, nth: int, proxies: Sequence[Proxy]) -> None:
        super().__init__(Lost.REQUEST, nth)
        self._proxies = proxies

    @override
    def loses(self, request: Request) -> Lost | None:
        if not request.text.startswith(self.EFFECTS):
            return None
        lost = super().loses(request)
        if lost is not None:
            for proxy in self._proxies:
                proxy.refuse()
                proxy.cut()
        return lost


@asynccontextmanager
async def killed(point: int, proxies: Sequence[Proxy]) -> AsyncIterator[Kill]:
    """Kills the process behind the proxies at this point."""
    kill = Kill(point, proxies)
    for proxy in proxies:
        proxy.set(kill)
    yield kill
    for proxy in proxies:
        proxy.trap = None
        if kill.sprung.is_set():
            await proxy.accept()


SMALL = (1, 2, 3)


async def fill(platform: Platform, settings: Settings, layout: Layout) -> Waiting:
    """Puts three commands of each of six numbers into the queues of the layout; returns them."""
    async with await connect(settings.amqp_urls) as connection:
        await bind_partition_queues(connection, layout, command="")
    waiting = {number: [f"{number}-{place}" for place in SMALL] for number in SOME[:6]}
    for place in range(len(SMALL)):
        commands = [command_of(number, ids[place]) for number, ids in waiting.items()]
        await put(platform, layout, commands)
    return waiting


async def through_kills(
    points: Iterable[int],
    numbers: tuple[int, int, int],
    settings: Settings,
    far_away: Settings,
    proxies: Sequence[Proxy],
    platform: Platform,
    database: Database,
) -> int:
    """Kills a change at each point and repeats it; returns the number of points."""
    present, target, repeated = numbers
    passed = 0
    for point in points:
        await change(settings, present)
        # Also a single partition has a router: such a change takes the most steps.
        await store(database, "UPDATE partitioning SET routed = true")
        waiting = await fill(platform, settings, routed(present))
        (later,) = await send_commands(platform, "activate", [SOME[0]])
        async with killed(point, proxies) as kill:
            try:
                await change(far_away, target)
            except KILLED:
                assert kill.sprung.is_set()
        if not kill.sprung.is_set():
            await change(settings, repeated)
            break
        await change(settings, repeated)
        passed += 1
        in_queue = await taken_by_number(settings, queue_names_of(routed(repeated)))
        assert in_queue == waiting, point
        (in_command_queue,) = await taken(settings, COMMAND_QUEUE)
        assert json.loads(in_command_queue.body)["id"] == later, point
        expected = (repeated, True, None)
        assert await layout_of(database) == expected, point
        old = [name for n in {present, target} - {repeated} for name in queue_names_of(routed(n))]
        assert await existing(settings, old) == set(), point
    return passed


CHANGES = [(2, 3, 3), (2, 3, 2), (2, 3, 4), (2, 1, 1), (2, 1, 3), (1, 2, 2)]
change_of = pytest.mark.parametrize("numbers", CHANGES, ids=str)


@pytest.fixture
def proxies(database_proxy: Proxy, broker_proxy: Proxy) -> Sequence[Proxy]:
    return (database_proxy, broker_proxy)


@change_of
async def test_change_killed_at_some_points_loses_and_reorders_nothing(
    numbers: tuple[int, int, int],
    settings: Settings,
    lossy_settings: Settings,
    proxies: Sequence[Proxy],
    platform: Platform,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repartitioning, "UNBIND_SECONDS", 0)
    monkeypatch.setattr(repartitioning, "RETRY_SECONDS", 0)
    first = 1 + CHANGES.index(numbers)
    points = await through_kills(
        range(first, 200, 13), numbers, settings, lossy_settings, proxies, platform, database
    )

    assert points >= 2


@pytest.mark.campaign
@change_of
async def test_change_killed_at_every_point_loses_and_reorders_nothing(
    numbers: tuple[int, int, int],
    settings: Settings,
    lossy_settings: Settings,
    proxies: Sequence[Proxy],
    platform: Platform,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repartitioning, "UNBIND_SECONDS", 0)
    monkeypatch.setattr(repartitioning, "RETRY_SECONDS", 0)
    points = await through_kills(
        count(1), numbers, settings, lossy_settings, proxies, platform, database
    )

    assert points > 20
    print(f"{points} points")  # noqa: T201 -- the figure that a campaign is run for
