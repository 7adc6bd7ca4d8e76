"""The worker and the fake PBX, run as a PBX team runs it: two processes that share a broker."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import aio_pika
import pytest
from activation_contracts.fake_pbx.__main__ import main
from activation_contracts.fake_pbx.service import READY_LINE
from activation_contracts.values import Step

from tests.support.contract.deliveries import OWN
from tests.support.data.inserts import call_settings, handset_login, phone_numbers, voice_service
from tests.support.environments import WITHOUT_EVENT_LOG
from tests.support.fake_pbx import PATIENCE_SECONDS, fake_pbx, misbehaving
from tests.support.faults.lossy import until_idle
from tests.support.platform import Platform, platform_at
from tests.support.quick import parametrize_quick
from tests.support.workers import rows, store, working
from worker.settings import Settings, load
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"
MAIN_NUMBER = "+442079460000"

SITE = (
    voice_service(2),
    phone_numbers(NUMBER, extension="101"),
    phone_numbers(MAIN_NUMBER, status="ACTIVE", main_number=True),
    call_settings(MAIN_NUMBER),
)
USAGE = "SELECT active, pending FROM entitlement_usage"
OUTCOMES = "SELECT outcome, failure FROM commands"
EVERY_STEP = tuple(step.value for step in Step)


@pytest.fixture
async def platform(amqp_url: str) -> AsyncIterator[Platform]:
    """The platform; it leaves the PBX queues to the fake PBX."""
    async with platform_at(amqp_url, is_the_pbx=False) as opened:
        yield opened


@pytest.fixture
def waiting(database_url: str, amqp_url: str) -> Settings:
    """Settings of a worker that awaits every step."""
    return load(environment(database_url, amqp_url))


def environment(database_url: str, amqp_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "AMQP_URL": amqp_url,
        "WORKER_HTTP_PORT": "0",
        "WORKER_AWAITED_STEPS": ",".join(EVERY_STEP),
        "WORKER_STEP_FIRST_PAUSE_SECONDS": "10",
        "WORKER_SWEEP_INTERVAL_SECONDS": "0.05",
        **WITHOUT_EVENT_LOG,
    }


def of_type(platform: Platform, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in platform.events if event["type"].endswith(f".{kind}.v1")]


async def activate_and_deactivate(database: Database, platform: Platform) -> None:
    """Activates and deactivates the number; the PBX confirms every step."""
    activation = await platform.send("activate", NUMBER)
    assert await platform.outcome(activation) == ["PENDING", "ACTIVE"]
    await until_idle(database)
    await store(database, handset_login(NUMBER))
    deactivation = await platform.send("deactivate", NUMBER)
    assert await platform.outcome(deactivation) == ["PENDING", "RESERVED"]
    await until_idle(database)
    assert await rows(database, OUTCOMES) == [("completed", None)] * 2
    assert await rows(database, USAGE) == [(1, 0)]


@parametrize_quick(
    "faults",
    [
        (),
        [f"{step}=out_of_order" for step in EVERY_STEP[1:]],
        [f"{step}=duplicate" for step in EVERY_STEP],
        [f"{step}=already" for step in EVERY_STEP],
        [f"{step}=not_applicable" for step in EVERY_STEP],
        [f"{step}=slow:0.2" for step in EVERY_STEP],
    ],
    quick=2,
    ids=["well", "out of order", "duplicate", "already", "not applicable", "slow"],
)
async def test_number_is_activated_and_deactivated_despite_faults_of_the_pbx(
    database: Database,
    waiting: Settings,
    platform: Platform,
    amqp_url: str,
    faults: tuple[str, ...],
) -> None:
    await store(database, *SITE)
    async with misbehaving(amqp_url, *faults), working(database, waiting):
        await activate_and_deactivate(database, platform)

    assert of_type(platform, "operation_failed") == []
    requested = [message["type"].split(".")[1] for message in platform.pbx_messages]
    assert requested == ["hunt_group", "hunt_group", "handset", "extension"]


async def test_step_that_the_pbx_postpones_twice_is_done_at_the_third_attempt(
    database: Database, waiting: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    faults = [f"{step}=retry_later:BUSY*2" for step in EVERY_STEP]
    hasty = waiting.model_copy(update={"step_first_pause_seconds": 0.3})
    async with misbehaving(amqp_url, *faults), working(database, hasty):
        await activate_and_deactivate(database, platform)

    # On a slow machine the PBX can count as silent in between, which is an attempt more.
    attempts = (
        "SELECT DISTINCT state, attempt >= 3, last_result IN ('done', 'already') FROM pbx_steps"
    )
    assert await rows(database, attempts) == [("done", True, True)]


async def test_refused_activation_frees_its_voice_service(
    database: Database, waiting: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    refusal = f"activation@{NUMBER}=refuse:EXTENSION_IN_USE"
    async with misbehaving(amqp_url, refusal), working(database, waiting):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: "RESERVED" in platform.outcome_so_far(command))
        await until_idle(database)

    (failed,) = of_type(platform, "operation_failed")
    assert (failed["code"], failed["pbx_code"]) == ("PBX_REFUSED", "EXTENSION_IN_USE")
    assert failed["entitlement"] == {"limit": 2, "active": 1, "pending": 0}
    assert platform.pbx_messages == []
    assert await rows(database, USAGE) == [(1, 0)]


async def test_activation_without_a_result_is_delayed_once_and_then_compensated(
    database: Database, database_url: str, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    impatient = load(
        {
            **environment(database_url, amqp_url),
            "WORKER_OPERATION_AT_RISK_SECONDS": "0.3",
            "WORKER_OPERATION_TIME_ALLOWED_SECONDS": "2",
        }
    )
    async with misbehaving(amqp_url, "activation=silent") as pbx, working(database, impatient):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: "RESERVED" in platform.outcome_so_far(command))
        await pbx.until_printed("extension_reset")
        await until_idle(database)

    delayed = [event for event in of_type(platform, "operation_delayed") if event["sequence"] == 1]
    assert [event["awaiting"][0]["step"] for event in delayed] == ["activation"]
    (failed,) = of_type(platform, "operation_failed")
    assert (failed["code"], failed["status"]) == ("DEADLINE_PASSED", "RESERVED")
    (reset,) = platform.pbx_messages
    assert reset["data"]["sequence"] == failed["sequence"]


async def test_late_pbx_drops_a_request_that_a_newer_one_has_replaced(
    database: Database, database_url: str, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    impatient = load(
        {
            **environment(database_url, amqp_url),
            "WORKER_OPERATION_AT_RISK_SECONDS": "0.5",
            "WORKER_OPERATION_TIME_ALLOWED_SECONDS": "0.5",
            "WORKER_AWAITED_STEPS": "activation",
        }
    )
    async with misbehaving(amqp_url, "activation=slow:2") as pbx, working(database, impatient):
        await platform.send("activate", NUMBER)
        await pbx.until_printed("dropped, a newer request was applied")

    assert any("extension_reset" in line for line in pbx.lines)


async def test_pbx_of_one_site_has_its_own_queue(
    database: Database, waiting: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    async with fake_pbx(amqp_url, "--site", "london") as pbx, working(database, waiting):
        await pbx.until_printed(READY_LINE)
        await activate_and_deactivate(database, platform)

    common = await platform.channel.declare_queue("pbx.extension-reset", passive=True)
    assert common.declaration_result.message_count == 1


async def test_fake_pbx_continues_when_its_queue_was_deleted(
    database: Database, waiting: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    async with misbehaving(amqp_url) as pbx, working(database, waiting):
        await platform.channel.queue_delete("pbx.fake")
        await pbx.until_printed(READY_LINE, times=2)
        await activate_and_deactivate(database, platform)


async def test_fake_pbx_shows_and_drops_an_unreadable_message(
    platform: Platform, amqp_url: str
) -> None:
    async with misbehaving(amqp_url) as pbx:
        exchange = await platform.channel.get_exchange("telephony.pbx", ensure=False)
        await exchange.publish(aio_pika.Message(b"stray", app_id=OWN), "extension_reset.london")
        await pbx.until_printed("unreadable: NOT_JSON")


async def test_fake_pbx_exits_with_an_error_if_a_queue_is_missing(
    platform: Platform, amqp_url: str
) -> None:
    await platform.channel.queue_delete("pbx.extension-reset")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "activation_contracts.fake_pbx"),
        env={**os.environ, "AMQP_URL": amqp_url},
        stderr=asyncio.subprocess.PIPE,
    )
    _, problem = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)

    assert process.returncode == 1
    assert "pbx.extension-reset" in problem.decode()
    assert "run `activation-worker topology` first" in problem.decode()


async def test_fake_pbx_waits_for_an_unreachable_broker() -> None:
    async with fake_pbx("amqp://guest:secret@127.0.0.1:1/") as pbx:
        await pbx.until_printed("RabbitMQ at 127.0.0.1:1: ")

    assert "secret" not in "".join(pbx.lines)


@pytest.mark.parametrize(
    "wrong",
    [
        "hunter2",
        "amqp://guest:hunter2/secret@127.0.0.1/",
        "amqp://guest:hunter2@127.0.0.1:99999/",
        "amqp://guest:hunter2@[::1/",
        "amqp://:hunter2@/",
    ],
)
def test_fake_pbx_names_a_wrong_url_without_quoting_it(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("AMQP_URL", wrong)
    with pytest.raises(SystemExit) as end:
        main([])

    assert "expected amqp://user:password@host:port/virtual-host" in str(end.value)
    assert "hunter2" not in str(end.value)
