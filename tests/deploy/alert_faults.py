"""The fault that each alert is for, as a real worker meets it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from activation_contracts.catalogue import COMMAND_QUEUE
from activation_contracts.topology import DEAD_LETTER_QUEUE

from tests.support.data.inserts import (
    Expression,
    operation,
    outbox_message,
    phone_numbers,
    voice_service,
)
from tests.support.faults.lossy import until_any
from tests.support.faults.surroundings import on_a_full_disk, with_clock
from tests.support.installed_command import command
from tests.support.monitoring.monitored import World
from tests.support.monitoring.prometheus import JOB
from tests.support.platform import PBX_QUEUES
from tests.support.servers.running import alarm
from tests.support.workers import store

__all__ = ["FAULTS", "Fault"]

NUMBER: Final = "+442079460001"
PBX_NUMBERS: Final = [f"+44207946{place:04}" for place in range(2000, 2101)]
STARTED: Final = "activation_worker_start_timestamp_seconds"


@asynccontextmanager
async def database_is_away(world: World) -> AsyncIterator[None]:
    async with world.through_proxies():
        await world.prometheus.until_well()
        world.database_proxy.refuse()
        world.database_proxy.cut()
        yield


@asynccontextmanager
async def no_worker_runs(world: World) -> AsyncIterator[None]:
    async with world.worker():
        await world.prometheus.until_well()
    yield


@asynccontextmanager
async def broker_is_away(world: World) -> AsyncIterator[None]:
    async with world.through_proxies():
        await world.prometheus.until_well()
        world.broker_proxy.refuse()
        world.broker_proxy.cut()
        yield


@asynccontextmanager
async def broker_is_short_of_memory(world: World) -> AsyncIterator[None]:
    await store(world.database, voice_service(1), phone_numbers(NUMBER))
    # Sent before the alarm, which blocks the web tier as well.
    await world.platform.send("activate", NUMBER)
    async with alarm(world.servers), world.worker():
        await until_any(world.database, "SELECT 1 FROM outbox WHERE next_attempt_at IS NULL")
        # The time that passes.
        await store(
            world.database, "UPDATE outbox SET queued_at = queued_at - interval '5 minutes'"
        )
        yield


@asynccontextmanager
async def broker_is_short_of_memory_and_a_message_is_parked(world: World) -> AsyncIterator[None]:
    await store(world.database, outbox_message(PBX_NUMBERS[0], next_attempt_at="infinity"))
    async with broker_is_short_of_memory(world):
        yield


@asynccontextmanager
async def somebody_keeps_a_lock(world: World) -> AsyncIterator[None]:
    await store(world.database, voice_service(1), phone_numbers(NUMBER))
    async with world.worker():
        await world.prometheus.until_well()
        async with world.database.transaction() as session:
            await session.driver.execute("LOCK TABLE phone_numbers IN ACCESS EXCLUSIVE MODE")
            await world.platform.send("activate", NUMBER)
            yield


@asynccontextmanager
async def commands_stand_still_while_results_are_handled(world: World) -> AsyncIterator[None]:
    await store(world.database, voice_service(1), phone_numbers(NUMBER))
    async with world.worker():
        await world.prometheus.until_well()
        async with world.database.transaction() as session:
            lock = "SELECT FROM phone_numbers WHERE phone_number = $1 FOR UPDATE"
            await session.driver.execute(lock, NUMBER)
            await world.platform.send("activate", NUMBER)
            results = asyncio.create_task(send_results(world))
            try:
                yield
            finally:
                results.cancel()


async def send_results(world: World) -> None:
    """Sends results that no step awaits, one after the other."""
    while True:
        await world.platform.answer("no-step", "done")
        await asyncio.sleep(0.1)


@asynccontextmanager
async def an_operator_pauses_the_intake(world: World) -> AsyncIterator[None]:
    async with world.worker():
        await world.prometheus.until_well()
        code, output = await command(world.environment, "pause", "--by", "Ada", "--why", "a test")
        assert code == 0, output
        yield


@asynccontextmanager
async def people_click_during_a_pause(world: World) -> AsyncIterator[None]:
    async with an_operator_pauses_the_intake(world):
        await world.prometheus.until("activation_worker_intake_paused == 1")
        # Twice: what the worker takes until its consumers have ended does not wait.
        for number in PBX_NUMBERS * 2:
            await world.platform.send("activate", number)
        yield


@asynccontextmanager
async def commands_wait_for_long(world: World) -> AsyncIterator[None]:
    numbers = PBX_NUMBERS[:20]
    await store(world.database, voice_service(len(numbers)), phone_numbers(*numbers))
    async with world.worker():
        await world.prometheus.until_well()
        # As if they had waited for a minute.
        clicked_at = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
        for number in numbers:
            await world.platform.send("activate", number, time=clicked_at)
        yield


@asynccontextmanager
async def a_pbx_queue_is_unbound(world: World) -> AsyncIterator[None]:
    await store(world.database, voice_service(1), phone_numbers(NUMBER, status="ACTIVE"))
    async with world.worker():
        await world.prometheus.until_well()
        queue = await world.platform.channel.get_queue("pbx.extension-reset", ensure=False)
        await queue.unbind("telephony.pbx", "extension_reset.*")
        await queue.unbind("telephony.pbx", "extension_reset.#")
        await world.platform.send("deactivate", NUMBER)
        yield


@asynccontextmanager
async def a_publisher_sends_nonsense(world: World) -> AsyncIterator[None]:
    await world.platform.send_raw(b"nonsense")
    async with world.worker():
        yield


@asynccontextmanager
async def a_publisher_uses_a_wrong_routing_key(world: World) -> AsyncIterator[None]:
    await world.platform.send_raw(b"{}", "dance")
    async with world.worker():
        yield


@asynccontextmanager
async def a_message_kills_the_worker(world: World) -> AsyncIterator[None]:
    await world.platform.send_raw(b"poison")
    poisoned = (sys.executable, "-m", "tests.support.faults.poisoned", "poison", "run")
    stop = asyncio.Event()
    restarting = asyncio.create_task(restart_killed_workers(world, poisoned, stop))
    try:
        await until_any(world.database, "SELECT 1 FROM poison_attempts WHERE attempts >= 3")
        yield
    finally:
        stop.set()
        await restarting


async def restart_killed_workers(
    world: World, command: tuple[str, ...], stop: asyncio.Event
) -> None:
    """Starts the worker again whenever it is killed."""
    while not stop.is_set():
        async with world.worker(command=command) as process:
            waits = {asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()


@asynccontextmanager
async def a_message_cannot_be_stored(world: World) -> AsyncIterator[None]:
    # A source that is too long for an index: its characters do not repeat and take several bytes.
    source = "".join(chr(0x4E00 + place * 7) for place in range(1024))
    data = {"phone_number": NUMBER, "account_id": "acme", "site_id": "london"}
    kind = "telephony.phone_number.activate.v1"
    event = {"specversion": "1.0", "id": "1", "source": source, "type": kind, "data": data}
    async with world.worker():
        await world.prometheus.until_well()
        await world.platform.send_raw(json.dumps(event).encode())
        yield


@asynccontextmanager
async def the_dead_letter_queue_is_deleted(world: World) -> AsyncIterator[None]:
    async with world.worker({"WORKER_DECLARE_TOPOLOGY": "false"}):
        await world.prometheus.until_well()
        await world.platform.channel.queue_delete(DEAD_LETTER_QUEUE)
        yield


@asynccontextmanager
async def the_relay_cannot_sweep(world: World) -> AsyncIterator[None]:
    await store(
        world.database,
        voice_service(1),
        phone_numbers(NUMBER, PBX_NUMBERS[0], status="PENDING"),
        operation(NUMBER, deadline=Expression("now() - interval '1 minute'")),
        # Hides the other from no alert.
        operation(PBX_NUMBERS[0], failure_code="PBX_REFUSED"),
    )
    world.broker_proxy.refuse()
    async with world.through_proxies():
        yield


@asynccontextmanager
async def the_pbx_refuses_a_deactivation(world: World) -> AsyncIterator[None]:
    await store(world.database, voice_service(1), phone_numbers(NUMBER, status="ACTIVE"))
    async with world.worker({"WORKER_AWAITED_STEPS": "extension_reset"}):
        await world.platform.send("deactivate", NUMBER)
        await world.platform.until(lambda: world.platform.pbx_messages)
        (request,) = world.platform.pbx_messages
        await world.platform.answer(request["id"], "refused")
        yield


@asynccontextmanager
async def the_pbx_does_not_answer(world: World) -> AsyncIterator[None]:
    await store(world.database, voice_service(1), phone_numbers(NUMBER, status="ACTIVE"))
    async with world.worker({"WORKER_AWAITED_STEPS": "extension_reset"}):
        await world.platform.send("deactivate", NUMBER)
        await until_any(world.database, "SELECT 1 FROM pbx_steps WHERE sent_at IS NOT NULL")
        # The time that passes.
        await store(
            world.database, "UPDATE pbx_steps SET sent_at = sent_at - interval '10 minutes'"
        )
        yield


@asynccontextmanager
async def the_pbx_is_silent_until_the_deadline(world: World) -> AsyncIterator[None]:
    numbers = PBX_NUMBERS[:3]
    await store(world.database, voice_service(len(numbers)), phone_numbers(*numbers))
    hasty = {"WORKER_OPERATION_AT_RISK_SECONDS": "1", "WORKER_OPERATION_TIME_ALLOWED_SECONDS": "2"}
    async with world.worker({"WORKER_AWAITED_STEPS": "activation", **hasty}):
        await world.prometheus.until_well()
        for number in numbers:
            await world.platform.send("activate", number)
        yield


@asynccontextmanager
async def the_pbx_does_not_read_its_queue(world: World) -> AsyncIterator[None]:
    await store(
        world.database,
        voice_service(len(PBX_NUMBERS)),
        phone_numbers(*PBX_NUMBERS, status="ACTIVE"),
    )
    for queue in PBX_QUEUES:
        await world.platform.stop_collecting(queue)
    async with world.worker():
        for number in PBX_NUMBERS:
            await world.platform.send("deactivate", number)
        yield


@asynccontextmanager
async def services_end_while_numbers_are_active(world: World) -> AsyncIterator[None]:
    await store(
        world.database,
        voice_service(1, ends_on="2020-01-01"),
        phone_numbers(NUMBER, status="ACTIVE"),
    )
    async with world.worker():
        yield


@asynccontextmanager
async def the_platform_takes_an_active_number_away(world: World) -> AsyncIterator[None]:
    await store(world.database, voice_service(1), phone_numbers(NUMBER, status="ACTIVE"))
    async with world.worker():
        await world.prometheus.until_well()
        await world.platform.state("phone_number", 1, phone_number=NUMBER, account_id=None)
        yield


@asynccontextmanager
async def the_worker_is_killed_again_and_again(world: World) -> AsyncIterator[None]:
    for starts in range(4):
        async with world.worker():
            await world.prometheus.until(f"changes({STARTED}[15m]) >= {starts}")
    yield


@asynccontextmanager
async def the_clock_of_the_machine_is_wrong(world: World) -> AsyncIterator[None]:
    async with world.worker(with_clock({}, "+10m")):
        yield


@asynccontextmanager
async def the_disk_of_the_log_is_full(world: World) -> AsyncIterator[None]:
    full = on_a_full_disk()
    async with AsyncExitStack() as stack:
        stack.callback(os.close, full)
        await stack.enter_async_context(world.worker(error=full))
        await world.prometheus.until("activation_worker_leader == 1")
        await world.platform.send_raw(b"nonsense")  # which is logged
        yield


Fault = Callable[[World], AbstractAsyncContextManager[None]]
FAULTS: list[tuple[str, Fault, dict[str, str]]] = [
    ("DatabaseDown", database_is_away, {}),
    ("Unserved", no_worker_runs, {"job": JOB}),
    ("BrokerDown", broker_is_away, {"job": JOB}),
    ("BrokerBlocked", broker_is_short_of_memory, {}),
    ("Stuck", somebody_keeps_a_lock, {}),
    ("Stuck", commands_stand_still_while_results_are_handled, {"queue": COMMAND_QUEUE}),
    ("CommandsWaiting", people_click_during_a_pause, {"job": JOB}),
    ("IntakePaused", an_operator_pauses_the_intake, {"job": JOB}),
    ("ClicksSlow", commands_wait_for_long, {"operation": "activate"}),
    ("OutboxBehind", broker_is_short_of_memory, {}),
    ("OutboxBehind", broker_is_short_of_memory_and_a_message_is_parked, {}),
    ("MessagesUndelivered", a_pbx_queue_is_unbound, {}),
    ("DeadLetters", a_publisher_sends_nonsense, {"code": "NOT_JSON"}),
    ("DeadLetters", a_publisher_uses_a_wrong_routing_key, {"code": "broker"}),
    ("PoisonMessage", a_message_kills_the_worker, {"code": "KILLS_THE_WORKER"}),
    ("PoisonMessage", a_message_cannot_be_stored, {"code": "CANNOT_BE_STORED"}),
    ("DeadLetterQueueBroken", the_dead_letter_queue_is_deleted, {}),
    ("PendingTooLong", the_relay_cannot_sweep, {"operation": "activate"}),
    ("OperatorNeeded", the_pbx_refuses_a_deactivation, {}),
    ("PbxSilent", the_pbx_does_not_answer, {"step": "extension_reset"}),
    ("PbxSilent", the_pbx_does_not_read_its_queue, {"queue": "pbx.extension-reset"}),
    ("PbxSilent", the_pbx_is_silent_until_the_deadline, {"operation": "activate"}),
    ("ActivationsFail", the_pbx_is_silent_until_the_deadline, {"code": "DEADLINE_PASSED"}),
    ("AccountsOverEntitlement", services_end_while_numbers_are_active, {}),
    ("DirectoryConflicts", the_platform_takes_an_active_number_away, {"kind": "phone_number"}),
    ("Unstable", the_worker_is_killed_again_and_again, {}),
    ("ClockSkew", the_clock_of_the_machine_is_wrong, {}),
    ("LogLinesLost", the_disk_of_the_log_is_full, {}),
]
"""Alerts, their faults, and labels of the alert that tell the fault from others."""
