"""The worker and the fake PBX as a PBX team runs it: two programs that share a broker."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import pytest

from contracts.fake_pbx.service import READY_LINE
from contracts.values import Step
from tests.support.platform import Platform, platform_at
from tests.support.workers import rows, store, working
from worker.settings import Settings, load
from worker.storage.engine import Database

NUMBER = "+442079460001"
MAIN_NUMBER = "+442079460000"
PATIENCE_SECONDS = 30

SITE = (
    """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 2)""",
    f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, extension, status)
    VALUES ('{NUMBER}', 'london', 'acme', '101', 'RESERVED')""",
    f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, status, main_number)
    VALUES ('{MAIN_NUMBER}', 'london', 'acme', 'ACTIVE', true)""",
    f"""INSERT INTO call_settings
    VALUES ('{MAIN_NUMBER}', 'reception', 'hunt_group', 'none', 'none')""",
)
LOGGED_IN = f"INSERT INTO handset_logins VALUES ('{NUMBER}', 'desk-7', 'digital')"
USAGE = "SELECT active, pending FROM entitlement_usage"
OUTCOMES = "SELECT outcome, failure FROM commands"
EVERY_STEP = tuple(step.value for step in Step)


@pytest.fixture
async def platform(amqp_url: str) -> AsyncIterator[Platform]:
    """A web tier that leaves the PBX queues to the fake PBX."""
    async with platform_at(amqp_url, is_the_pbx=False) as opened:
        yield opened


@pytest.fixture
def waiting(database_url: str, amqp_url: str) -> Settings:
    """Settings of a worker that waits for every step."""
    return load(environment(database_url, amqp_url))


def environment(database_url: str, amqp_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "AMQP_URL": amqp_url,
        "WORKER_HTTP_PORT": "0",
        "WORKER_AWAITED_STEPS": ",".join(EVERY_STEP),
        "WORKER_STEP_FIRST_PAUSE_SECONDS": "0.01",
        "WORKER_SWEEP_INTERVAL_SECONDS": "0.05",
    }


class Program:
    """The fake PBX, running."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until_said(self, words: str, times: int = 1) -> None:
        """Reads on until it has said these words so often."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sum(words in line for line in self.lines) < times:
                line = await self.process.stdout.readline()
                assert line, f"the fake PBX ended without saying {words!r}"
                self.lines.append(line.decode())


@asynccontextmanager
async def fake_pbx(amqp_url: str, *arguments: str) -> AsyncIterator[Program]:
    """The fake PBX as a process; asked to stop at the end, which must end well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "contracts.fake_pbx", *arguments),
        env={**os.environ, "AMQP_URL": amqp_url},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Program(process)
        process.terminate()
        await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@asynccontextmanager
async def misbehaving(amqp_url: str, *faults: str) -> AsyncIterator[Program]:
    """The fake PBX with these faults, listening."""
    arguments = (word for fault in faults for word in ("--fault", fault))
    async with fake_pbx(amqp_url, *arguments) as program:
        await program.until_said(READY_LINE)
        yield program


def of_type(platform: Platform, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in platform.events if event["type"].endswith(f".{kind}.v1")]


async def settled(database: Database) -> None:
    """Returns when nothing is under way or outstanding any more."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await rows(database, "SELECT 1 FROM outbox UNION SELECT 1 FROM operations"):
            await asyncio.sleep(0.02)


async def activated_and_deactivated(database: Database, platform: Platform) -> None:
    """One number through its whole life, every step of it confirmed by the PBX."""
    activation = await platform.send("activate", NUMBER)
    assert await platform.outcome(activation) == ["PENDING", "ACTIVE"]
    await settled(database)
    await store(database, LOGGED_IN)
    deactivation = await platform.send("deactivate", NUMBER)
    assert await platform.outcome(deactivation) == ["PENDING", "RESERVED"]
    await settled(database)
    assert await rows(database, OUTCOMES) == [("completed", None)] * 2
    assert await rows(database, USAGE) == [(1, 0)]


@pytest.mark.parametrize(
    "faults",
    [
        (),
        [f"{step}=duplicate" for step in EVERY_STEP],
        [f"{step}=out_of_order" for step in EVERY_STEP[1:]],
        [f"{step}=already" for step in EVERY_STEP],
        [f"{step}=not_applicable" for step in EVERY_STEP],
        [f"{step}=slow:0.2" for step in EVERY_STEP],
    ],
    ids=["well", "duplicate", "out of order", "already", "not applicable", "slow"],
)
async def test_a_number_lives_its_life(
    database: Database,
    waiting: Settings,
    platform: Platform,
    amqp_url: str,
    faults: tuple[str, ...],
) -> None:
    await store(database, *SITE)
    async with misbehaving(amqp_url, *faults), working(database, waiting):
        await activated_and_deactivated(database, platform)

    assert of_type(platform, "operation_failed") == []
    asked = [message["type"].split(".")[1] for message in platform.pbx_messages]
    assert asked == ["hunt_group", "hunt_group", "handset", "extension"]


async def test_what_is_put_off_twice_is_done_at_the_third_attempt(
    database: Database, waiting: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    faults = [f"{step}=retry_later:BUSY*2" for step in EVERY_STEP]
    async with misbehaving(amqp_url, *faults), working(database, waiting):
        await activated_and_deactivated(database, platform)

    attempts = "SELECT DISTINCT state, attempt, last_result FROM pbx_steps"
    assert await rows(database, attempts) == [("done", 3, "done")]


async def test_a_refused_activation_frees_its_service(
    database: Database, waiting: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    refusal = f"activation@{NUMBER}=refuse:EXTENSION_IN_USE"
    async with misbehaving(amqp_url, refusal), working(database, waiting):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: "RESERVED" in platform.outcome_so_far(command))
        await settled(database)

    (failed,) = of_type(platform, "operation_failed")
    assert (failed["code"], failed["pbx_code"]) == ("PBX_REFUSED", "EXTENSION_IN_USE")
    assert failed["entitlement"] == {"limit": 2, "active": 1, "pending": 0}
    assert platform.pbx_messages == []
    assert await rows(database, USAGE) == [(1, 0)]


async def test_silence_is_spoken_of_once_and_then_undone(
    database: Database, database_url: str, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    hasty = load(
        {
            **environment(database_url, amqp_url),
            "WORKER_OPERATION_AT_RISK_SECONDS": "0.3",
            "WORKER_OPERATION_TIME_ALLOWED_SECONDS": "2",
        }
    )
    async with misbehaving(amqp_url, "activation=silent") as pbx, working(database, hasty):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: "RESERVED" in platform.outcome_so_far(command))
        await pbx.until_said("extension_reset")
        await settled(database)

    late = [event for event in of_type(platform, "operation_delayed") if event["sequence"] == 1]
    assert [event["awaiting"][0]["step"] for event in late] == ["activation"]
    (failed,) = of_type(platform, "operation_failed")
    assert (failed["code"], failed["status"]) == ("DEADLINE_PASSED", "RESERVED")
    (reset,) = platform.pbx_messages
    assert reset["data"]["sequence"] == failed["sequence"]


async def test_a_pbx_that_comes_too_late_drops_what_is_void(
    database: Database, database_url: str, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    hasty = load(
        {
            **environment(database_url, amqp_url),
            "WORKER_OPERATION_TIME_ALLOWED_SECONDS": "0.5",
            "WORKER_AWAITED_STEPS": "activation",
        }
    )
    async with misbehaving(amqp_url, "activation=slow:2") as pbx, working(database, hasty):
        await platform.send("activate", NUMBER)
        await pbx.until_said("dropped, a newer request was applied")

    assert any("extension_reset" in line for line in pbx.lines)


async def test_the_pbx_of_one_site_has_a_queue_of_its_own(
    database: Database, waiting: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    async with fake_pbx(amqp_url, "--site", "london") as pbx, working(database, waiting):
        await pbx.until_said(READY_LINE)
        await activated_and_deactivated(database, platform)

    common = await platform.channel.declare_queue("pbx.extension-reset", passive=True)
    assert common.declaration_result.message_count == 1


async def test_it_goes_on_when_its_queue_was_taken_away(
    database: Database, waiting: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    async with misbehaving(amqp_url) as pbx, working(database, waiting):
        await platform.channel.queue_delete("pbx.fake")
        await pbx.until_said(READY_LINE, times=2)
        await activated_and_deactivated(database, platform)


async def test_what_cannot_be_read_is_shown_and_out_of_the_way(
    platform: Platform, amqp_url: str
) -> None:
    async with misbehaving(amqp_url) as pbx:
        exchange = await platform.channel.get_exchange("telephony.pbx", ensure=False)
        await exchange.publish(aio_pika.Message(b"stray"), "extension_reset.london")
        await pbx.until_said("unreadable: NOT_JSON")


async def test_a_broker_without_the_queues_is_an_error(platform: Platform, amqp_url: str) -> None:
    await platform.channel.queue_delete("pbx.extension-reset")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "contracts.fake_pbx"),
        env={**os.environ, "AMQP_URL": amqp_url},
        stderr=asyncio.subprocess.PIPE,
    )
    _, problem = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)

    assert process.returncode == 1
    assert "pbx.extension-reset" in problem.decode()
    assert "run `activation-worker topology` first" in problem.decode()


async def test_a_broker_that_is_away_is_waited_for() -> None:
    async with fake_pbx("amqp://guest:secret@127.0.0.1:1/") as pbx:
        await pbx.until_said("RabbitMQ at 127.0.0.1:1: ")

    assert "secret" not in "".join(pbx.lines)
