"""Several workers share the partitions, and no command is lost or overtaken."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from tests.support.faults.amqp_wire import publish_command
from tests.support.faults.lossy import until_idle
from tests.support.partitions import (
    ACCOUNTS,
    BUILDING,
    NUMBERS,
    change,
    is_in_sequence,
    send_commands,
)
from tests.support.platform import Platform
from tests.support.quick import parametrize_quick
from tests.support.workers import store
from worker.app.run import supervisor
from worker.broker.connecting.connection import connect
from worker.broker.partition_queues import (
    delete_partition_queues,
    queue_names_of,
    unbind_partition_queues,
)
from worker.cluster.supervisor import Supervisor
from worker.core.partitions import Layout
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.storage.queries import query
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

ALL = tuple(NUMBERS)
TWO = queue_names_of(Layout(2, routed=True))


class Workers:
    """Workers in this process, and how many partitions each owns."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._running: dict[Supervisor, asyncio.Task[None]] = {}
        self._metrics: dict[Supervisor, Metrics] = {}

    def start(self) -> Supervisor:
        metrics = Metrics()
        worker = supervisor(self._database, self._settings, Reporter(metrics))
        self._metrics[worker] = metrics
        self._running[worker] = asyncio.create_task(worker.run())
        return worker

    async def stop(self, worker: Supervisor) -> None:
        worker.stop()
        await asyncio.wait_for(self._running.pop(worker), 30)

    async def stop_all(self) -> None:
        for worker in list(self._running):
            await self.stop(worker)

    def owned(self) -> list[int]:
        values = (
            self._metrics[worker].registry.get_sample_value("activation_worker_partitions_owned")
            for worker in self._running
        )
        return sorted(int(value or 0) for value in values)

    async def until(self, *owned: int) -> None:
        await until(lambda: self.owned() == list(owned))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture
async def workers(database: Database, settings: Settings) -> AsyncIterator[Workers]:
    workers = Workers(database, settings)
    yield workers
    await workers.stop_all()


async def test_workers_share_partitions_evenly_and_take_over_those_of_a_stopped_worker(
    database: Database, settings: Settings, platform: Platform, workers: Workers
) -> None:
    await store(database, *BUILDING)
    await change(settings, 4)
    first = workers.start()
    await workers.until(5)
    workers.start()
    await workers.until(2, 3)
    third = workers.start()
    await workers.until(1, 2, 2)
    commands = await send_commands(platform, "activate", ALL)
    await workers.stop(first)
    await workers.until(2, 3)
    await workers.stop(third)
    await workers.until(5)

    assert [await platform.outcome(command) for command in commands] == [
        ["PENDING", "ACTIVE"] for _ in commands
    ]
    await until_idle(database)
    assert is_in_sequence(platform.events)


async def test_unreadable_commands_reach_the_dead_letter_queue_through_the_router_with_their_origin(
    database: Database, settings: Settings, platform: Platform, workers: Workers
) -> None:
    await store(database, *BUILDING)
    await change(settings, 3)
    workers.start()
    bodies = (b"no json", b"[" * 70_000, b'{"data": {"account_id": 1}}')
    for body in bodies:
        await platform.send_raw(body, message_id="mine", expiration=60)
    await platform.send_raw(b"{}", "deactivate")
    letters = [await platform.dead_letter() for _ in range(4)]

    by_body = {letter.body: letter for letter in letters}
    assert {*by_body} == {*bodies, b"{}"}
    origins = {
        (letter.headers["x-original-exchange"], letter.headers["x-original-routing-key"])
        for letter in letters
    }
    assert origins == {
        ("telephony.commands", "phone_number.activate"),
        ("telephony.commands", "phone_number.deactivate"),
    }
    assert by_body[b"no json"].message_id == "mine"


def command_with_id_odd() -> dict[str, object]:
    data = {"phone_number": ALL[0], "account_id": NUMBERS[ALL[0]], "site_id": "london"}
    kind = "telephony.phone_number.activate.v1"
    return {"specversion": "1.0", "id": "odd", "source": "/tests", "type": kind, "data": data}


@parametrize_quick(
    "properties",
    [
        struct.pack(">HQ", 0x0040, 10**17),
        # Tolerant decoding makes it too long to be encoded again.
        struct.pack(">HB", 0x0080, 200) + b"\xff" * 200,
        # Tolerant decoding makes these too long for a frame: the broker would close the connection.
        struct.pack(">HI", 0x2000, 40_007)
        + b"\x01aS"
        + struct.pack(">I", 40_000)
        + b"\xff" * 40_000,
        struct.pack(">HI", 0x2000, 8) + b"\x01\xffS\x00\x00\x00\x01a",
        struct.pack(">H", 0),
    ],
    quick=2,
)
async def test_router_routes_a_command_whatever_properties_it_has(
    database: Database, settings: Settings, platform: Platform, workers: Workers, properties: bytes
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    for body in (json.dumps(command_with_id_odd()), "no json"):
        await asyncio.to_thread(publish_command, settings.amqp_urls[0], properties, body.encode())
    workers.start()

    assert await platform.outcome("odd") == ["PENDING", "ACTIVE"]
    letter = await platform.dead_letter()
    assert letter.body == b"no json"
    assert letter.headers["x-original-exchange"] == "telephony.commands"


async def test_router_routes_a_command_with_an_undecodable_content_type(
    database: Database, settings: Settings, platform: Platform, workers: Workers
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    unreadable = struct.pack(">HB", 0x8000, 255) + b"\xff" * 255
    for properties in (unreadable, struct.pack(">H", 0)):
        body = json.dumps(command_with_id_odd()).encode()
        await asyncio.to_thread(publish_command, settings.amqp_urls[0], properties, body)
    workers.start()

    assert await platform.outcome("odd") == ["PENDING", "ACTIVE"]
    assert (await platform.dead_letter()).headers["x-error-code"] == "CONTENT_TYPE_UNSUPPORTED"


async def test_pbx_results_end_operations_that_another_worker_began(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    awaiting = settings.model_copy(update={"awaited_steps": frozenset({"activation"})})
    workers = Workers(database, awaiting)
    for _ in range(3):
        workers.start()
    await workers.until(1, 1, 1)
    commands = await send_commands(platform, "activate", ALL[::5])
    await platform.until(lambda: len(platform.events) == len(commands))
    for event in list(platform.events):
        await platform.answer(event["id"], "done")

    assert [await platform.outcome(command) for command in commands] == [
        ["PENDING", "ACTIVE"] for _ in commands
    ]
    await workers.stop_all()


async def test_every_partition_reports_late_operations(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    impatient = {"awaited_steps": frozenset({"activation"}), "operation_at_risk_seconds": 0.2}
    workers = Workers(database, settings.model_copy(update=impatient))
    workers.start()
    await send_commands(platform, "activate", ALL[::5])
    await platform.until(
        lambda: sum(event["type"].endswith("delayed.v1") for event in platform.events) == 16
    )
    await workers.stop_all()


async def test_the_events_of_a_number_keep_their_order_while_it_changes_accounts(
    database: Database, settings: Settings, platform: Platform, workers: Workers
) -> None:
    await store(database, *BUILDING)
    await change(settings, 3)
    workers.start()
    workers.start()
    await workers.until(2, 2)
    numbers, versions = ALL[::20], range(1, 40)
    for version in versions:
        # Every second message takes the number from its account, the others give it to the next.
        account = None if version % 2 else ACCOUNTS[version % len(ACCOUNTS)]
        for number in numbers:
            await platform.state("phone_number", version, phone_number=number, account_id=account)
    await platform.until(
        lambda: len({event["id"] for event in platform.events}) == len(numbers) * len(versions)
    )
    assert is_in_sequence(platform.events)


async def test_router_keeps_commands_that_reach_no_partition_queue(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    workers = Workers(database, settings.model_copy(update={"declare_topology": False}))
    worker = workers.start()
    await workers.until(3)
    async with await connect(settings.amqp_urls) as connection:
        await unbind_partition_queues(connection, TWO)
    commands = await send_commands(platform, "activate", ALL)
    await until(lambda: not worker.connected)
    assert platform.events == []
    await change(settings, 2)

    for command in commands:
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
    await workers.stop_all()


async def test_worker_declares_deleted_partition_queues_again(
    database: Database, settings: Settings, platform: Platform, workers: Workers
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    worker = workers.start()
    await workers.until(3)
    async with await connect(settings.amqp_urls) as connection:
        await delete_partition_queues(connection, TWO)
    await until(lambda: not worker.connected)
    commands = await send_commands(platform, "activate", ALL)

    for command in commands:
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_the_outbox_query_of_a_partition_reads_no_row_of_another(database: Database) -> None:
    await store(
        database,
        """INSERT INTO outbox (partition, subject, holds_operation, message_id, message_type,
            exchange, routing_key, correlation_id, must_be_routed, body, decided_at, queued_at)
        SELECT 1, '+4420794' || place, false, place, 'type', 'exchange', 'key', 'c', false, '',
            now(), now()
        FROM generate_series(1, 20000) AS place""",
        "ANALYZE outbox",
    )
    send_commands, names = query("load_messages")
    values = {"partition": 0, "now": datetime.now(UTC), "maximum": 500}
    explain = f"EXPLAIN (ANALYZE, COSTS off, TIMING off) {send_commands}"
    async with database.transaction() as session:
        plan = str(await session.driver.fetch(explain, *[values[name] for name in names]))

    assert "Index Scan using outbox_pkey" in plan
    assert "Rows Removed" not in plan
