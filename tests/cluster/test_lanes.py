"""Several lanes: shared out by workers, changed under way, and nothing lost or overtaken."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from aio_pika import Message
from worker.consuming.draining import last_word

from contracts.topology import DEAD_LETTER_QUEUE
from tests.broker.test_tolerant_decoding import publish
from tests.support.lanes import BUILDING, NUMBERS, asked, in_order
from tests.support.lossy import at_rest
from tests.support.platform import Platform
from tests.support.workers import rows, store
from worker.broker.connection import connect
from worker.broker.lane_queues import declare_lanes, delete_lanes, fence_off_lanes
from worker.cluster.supervisor import Worker
from worker.operator.lane_changing import ChangeTimedOut, ChangeUnderWay, change_number_of_lanes
from worker.operator.lane_showing import in_words, look
from worker.settings import Settings
from worker.storage.engine import Database
from worker.storage.queries import query
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

ALL = tuple(NUMBERS)


def quiet(_: str) -> None:
    """Says nothing."""


async def change(settings: Settings, lanes: int, *, wait_seconds: float = 30) -> None:
    await change_number_of_lanes(settings, lanes, wait_seconds=wait_seconds, tell=quiet)


class Staff:
    """Workers in this process, and how many posts each serves."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._running: dict[Worker, asyncio.Task[None]] = {}
        self._metrics: dict[Worker, Metrics] = {}

    def start(self) -> Worker:
        metrics = Metrics()
        worker = Worker(self._database, self._settings, Reporter(metrics))
        self._metrics[worker] = metrics
        self._running[worker] = asyncio.create_task(worker.run())
        return worker

    async def stop(self, worker: Worker) -> None:
        worker.stop()
        await asyncio.wait_for(self._running.pop(worker), 30)

    async def stop_all(self) -> None:
        for worker in list(self._running):
            await self.stop(worker)

    def posts(self) -> list[int]:
        found = (
            self._metrics[worker].registry.get_sample_value("activation_worker_partitions_owned")
            for worker in self._running
        )
        return sorted(int(posts or 0) for posts in found)

    async def until(self, *posts: int) -> None:
        await until(lambda: self.posts() == list(posts))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture
async def staff(database: Database, settings: Settings) -> AsyncIterator[Staff]:
    staff = Staff(database, settings)
    yield staff
    await staff.stop_all()


async def test_workers_share_the_lanes_evenly_and_take_over_what_one_leaves(
    database: Database, settings: Settings, platform: Platform, staff: Staff
) -> None:
    await store(database, *BUILDING)
    await change(settings, 4)
    first = staff.start()
    await staff.until(5)
    staff.start()
    await staff.until(2, 3)
    third = staff.start()
    await staff.until(1, 2, 2)
    commands = await asked(platform, "activate", ALL)
    await staff.stop(first)
    await staff.until(2, 3)
    await staff.stop(third)
    await staff.until(5)

    assert [await platform.outcome(command) for command in commands] == [
        ["PENDING", "ACTIVE"] for _ in commands
    ]
    await at_rest(database)
    assert in_order(platform.events)


async def test_the_number_of_lanes_is_changed_with_commands_in_flight(
    database: Database, settings: Settings, platform: Platform, staff: Staff
) -> None:
    await store(database, *BUILDING)
    for _ in range(2):
        staff.start()
    accepted: list[str] = []

    async def publish() -> None:
        for operation in ("activate", "deactivate", "activate"):
            for number in ALL:
                # The second is refused where the first is still under way: so the first is awaited.
                accepted.extend(await asked(platform, operation, [number]))
            for command in accepted[-len(ALL) :]:
                await platform.outcome(command)

    publishing = asyncio.create_task(publish())
    for lanes in (4, 2, 1):
        await asyncio.sleep(0.3)
        await change(settings, lanes)
    await publishing

    assert [len(await platform.outcome(command)) for command in accepted] == [2] * 3 * len(ALL)
    await at_rest(database)
    assert in_order(platform.events)
    assert await rows(database, "SELECT DISTINCT status, sequence FROM phone_numbers") == [
        ("ACTIVE", 6)
    ]
    assert await rows(database, "SELECT present, wished, former FROM lanes") == [(1, 1, None)]


async def test_what_cannot_be_read_comes_to_the_dead_letters_with_its_origin(
    database: Database, settings: Settings, platform: Platform, staff: Staff
) -> None:
    await store(database, *BUILDING)
    await change(settings, 3)
    staff.start()
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


def odd_command() -> dict[str, object]:
    data = {"phone_number": ALL[0], "account_id": NUMBERS[ALL[0]], "site_id": "london"}
    kind = "telephony.phone_number.activate.v1"
    return {"specversion": "1.0", "id": "odd", "source": "/tests", "type": kind, "data": data}


@pytest.mark.parametrize(
    "properties",
    [
        struct.pack(">HQ", 0x0040, 10**17),
        # Read leniently, it is too long to be said again.
        struct.pack(">HB", 0x0080, 200) + b"\xff" * 200,
        # So are these, and do not fit into a frame: the broker would end the connection over them.
        struct.pack(">HI", 0x2000, 40_007)
        + b"\x01aS"
        + struct.pack(">I", 40_000)
        + b"\xff" * 40_000,
        struct.pack(">HI", 0x2000, 8) + b"\x01\xffS\x00\x00\x00\x01a",
        struct.pack(">H", 0),
    ],
)
async def test_whatever_properties_a_command_has_it_finds_its_lane(
    database: Database, settings: Settings, platform: Platform, staff: Staff, properties: bytes
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    for body in (json.dumps(odd_command()), "no json"):
        await asyncio.to_thread(publish, settings.amqp_urls[0], properties, body.encode())
    staff.start()

    assert await platform.outcome("odd") == ["PENDING", "ACTIVE"]
    letter = await platform.dead_letter()
    assert letter.body == b"no json"
    assert letter.headers["x-original-exchange"] == "telephony.commands"


async def test_a_content_type_that_is_no_text_holds_up_no_lane(
    database: Database, settings: Settings, platform: Platform, staff: Staff
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    unreadable = struct.pack(">HB", 0x8000, 255) + b"\xff" * 255
    for properties in (unreadable, struct.pack(">H", 0)):
        body = json.dumps(odd_command()).encode()
        await asyncio.to_thread(publish, settings.amqp_urls[0], properties, body)
    staff.start()

    assert await platform.outcome("odd") == ["PENDING", "ACTIVE"]
    assert (await platform.dead_letter()).headers["x-error-code"] == "CONTENT_TYPE_UNSUPPORTED"


async def test_results_of_a_pbx_conclude_what_another_worker_began(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    awaiting = settings.model_copy(update={"awaited_steps": frozenset({"activation"})})
    staff = Staff(database, awaiting)
    for _ in range(3):
        staff.start()
    await staff.until(1, 1, 1)
    commands = await asked(platform, "activate", ALL[::5])
    await platform.until(lambda: len(platform.events) == len(commands))
    for event in list(platform.events):
        await platform.answer(event["id"], "done")

    assert [await platform.outcome(command) for command in commands] == [
        ["PENDING", "ACTIVE"] for _ in commands
    ]
    await staff.stop_all()


async def test_what_is_late_is_said_to_be_late_in_every_lane(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    impatient = {"awaited_steps": frozenset({"activation"}), "operation_at_risk_seconds": 0.2}
    staff = Staff(database, settings.model_copy(update=impatient))
    staff.start()
    await asked(platform, "activate", ALL[::5])
    await platform.until(
        lambda: sum(event["type"].endswith("delayed.v1") for event in platform.events) == 16
    )
    await staff.stop_all()


async def test_a_lane_goes_on_though_a_change_waits_for_a_dead_letter_and_is_given_up(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    # Nobody makes the queue of dead letters anew.
    staff = Staff(database, settings.model_copy(update={"declare_topology": False}))
    staff.start()
    await staff.until(3)
    await platform.channel.queue_delete(DEAD_LETTER_QUEUE)
    await asyncio.to_thread(publish, settings.amqp_urls[0], struct.pack(">H", 0), b"no json")
    with pytest.raises(ChangeTimedOut, match="lane 0"):
        await change(settings, 1, wait_seconds=2)
    await change(settings, 2)
    commands = await asked(platform, "activate", ALL[::5])

    assert [await platform.outcome(command) for command in commands] == [
        ["PENDING", "ACTIVE"] for _ in commands
    ]
    await staff.stop_all()


async def test_without_a_worker_fewer_lanes_are_waited_for_and_can_be_left_as_they_were(
    database: Database, settings: Settings, platform: Platform, staff: Staff
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    with pytest.raises(ChangeTimedOut, match=r"lane 0 \(1\), lane 1 \(1\)"):
        await change(settings, 1, wait_seconds=0)
    shown = await look(settings)
    assert (shown["lanes"], shown["changing_to"]) == (2, 1)
    assert "1 are wished for" in in_words(shown)
    await change(settings, 2)
    staff.start()
    commands = await asked(platform, "activate", ALL)
    for command in commands:
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
    assert "served by" in in_words(await look(settings))
    await change(settings, 1)

    assert (await look(settings))["lanes"] == 1


async def test_only_one_changes_the_number_at_a_time(
    settings: Settings, database: Database
) -> None:
    ended = await asyncio.gather(change(settings, 2), change(settings, 3), return_exceptions=True)

    assert sum(isinstance(error, ChangeUnderWay) for error in ended) == 1
    assert await rows(database, "SELECT present = wished FROM lanes") == [(True,)]


async def test_what_lies_in_the_queues_of_before_is_not_deleted_with_them(
    database: Database, settings: Settings, platform: Platform, staff: Staff
) -> None:
    await store(database, *BUILDING, "UPDATE lanes SET former = 3")
    async with await connect(settings.amqp_urls) as connection:
        await declare_lanes(connection, 3)
    astray = "telephony.phone_number.commands.lane-1-of-3"
    for message in (last_word(1), Message(json.dumps(odd_command()).encode())):
        await platform.channel.default_exchange.publish(message, astray)
    await change(settings, 1)
    staff.start()

    assert await platform.outcome("odd") == ["PENDING", "ACTIVE"]
    assert await rows(database, "SELECT former FROM lanes") == [(None,)]


async def test_what_reaches_no_lane_stays_where_it_was(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    staff = Staff(database, settings.model_copy(update={"declare_topology": False}))
    worker = staff.start()
    await staff.until(3)
    async with await connect(settings.amqp_urls) as connection:
        await fence_off_lanes(connection, 2)
    commands = await asked(platform, "activate", ALL)
    await until(lambda: not worker.linked)
    assert platform.events == []
    await change(settings, 2)

    for command in commands:
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
    await staff.stop_all()


async def test_the_queue_of_a_lane_that_is_deleted_is_made_anew(
    database: Database, settings: Settings, platform: Platform, staff: Staff
) -> None:
    await store(database, *BUILDING)
    await change(settings, 2)
    worker = staff.start()
    await staff.until(3)
    async with await connect(settings.amqp_urls) as connection:
        await delete_lanes(connection, 2)
    await until(lambda: not worker.linked)
    commands = await asked(platform, "activate", ALL)

    for command in commands:
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_a_lane_never_looks_at_what_another_has_to_say(database: Database) -> None:
    await store(
        database,
        """INSERT INTO outbox (lane, phone_number, holds_operation, message_id, message_type,
            exchange, routing_key, correlation_id, must_be_routed, body, decided_at, queued_at)
        SELECT 1, '+4420794' || place, false, place, 'type', 'exchange', 'key', 'c', false, '',
            now(), now()
        FROM generate_series(1, 20000) AS place""",
        "ANALYZE outbox",
    )
    asked, names = query("next_messages")
    values = {"lane": 0, "now": datetime.now(UTC), "maximum": 500}
    explain = f"EXPLAIN (ANALYZE, COSTS off, TIMING off) {asked}"
    async with database.transaction() as session:
        plan = str(await session.driver.fetch(explain, *[values[name] for name in names]))

    assert "Index Scan using outbox_pkey" in plan
    assert "Rows Removed" not in plan
