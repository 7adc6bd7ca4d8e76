"""The conformance kit at a broker: the fake PBX passes, and each mistake is found."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime

import aio_pika
import pytest
from activation_contracts.conformance import at_broker, broker_harness
from activation_contracts.conformance.arguments import options_of
from activation_contracts.conformance.at_broker import NotTested, run_at, verdicts_at
from activation_contracts.conformance.cases import CASES
from activation_contracts.conformance.judging import RESULTS_CASE, Verdict
from activation_contracts.conformance.planning import Identity, Plan, plan
from activation_contracts.conformance.running import Limits
from activation_contracts.conformance.transcript import Arrival
from activation_contracts.values import Step
from aio_pika.abc import AbstractIncomingMessage

from tests.support.fake_pbx import fake_pbx
from tests.support.mistaken_pbx import MISTAKES, Mistake, serving
from tests.support.quick import parametrize_quick

PATIENT = Limits(result_seconds=60, pause_seconds=0.1, settle_seconds=0.3)
pytestmark = pytest.mark.publishes_anything  # the kit plays a worker of a later version

HASTY = Limits(result_seconds=1, attempts=2, pause_seconds=0.1, settle_seconds=0.3)
SLOW_LOGOUTS = "handset_logout=slow:0.5"
POSTPONED = [f"{step}=retry_later:BUSY*2" for step in Step]
LIVELY = [f"{step}={kind}" for step in Step for kind in ("duplicate", "out_of_order")]


def planned(*names: str, steps: Collection[Step] = tuple(Step)) -> Plan:
    data = options_of([]).data
    identity = Identity.of_a_run(datetime.now(UTC))
    return plan(data, identity, steps=steps, names=names, restarts=True)


def failures(verdicts: list[Verdict]) -> dict[str, list[str]]:
    return {
        verdict.name: [finding.actual for finding in verdict.findings]
        for verdict in verdicts
        if not verdict.passed
    }


@parametrize_quick("faults", [(), POSTPONED, LIVELY], quick=2, ids=["well", "postponed", "lively"])
async def test_fake_pbx_passes_every_case(amqp_url: str, faults: list[str]) -> None:
    plan_of_all = planned()
    async with serving(amqp_url, *faults) as pbx:
        verdicts = await run_at(amqp_url, plan_of_all, PATIENT, restart=pbx.restart)

    assert plan_of_all.not_run == {}
    assert failures(verdicts) == {}
    assert [verdict.name for verdict in verdicts] == [*(case.name for case in CASES), RESULTS_CASE]


@parametrize_quick("mistake", [*MISTAKES.values()], quick=9, ids=[*MISTAKES])
async def test_kit_finds_each_mistake(amqp_url: str, mistake: Mistake) -> None:
    names = ("reset", "logout") if mistake.case == RESULTS_CASE else (mistake.case,)
    async with serving(amqp_url, *mistake.faults, pbx=mistake.pbx, service=mistake.service) as pbx:
        verdicts = await run_at(amqp_url, planned(*names), HASTY, restart=pbx.restart)

    found = failures(verdicts)
    assert any(mistake.words in came for came in found[mistake.case]), found


async def test_slow_pbx_that_acknowledges_after_the_work_survives_its_restart(
    amqp_url: str,
) -> None:
    async with serving(amqp_url, SLOW_LOGOUTS) as pbx:
        verdicts = await run_at(amqp_url, planned("restart"), PATIENT, restart=pbx.restart)

    assert failures(verdicts) == {}


async def test_result_that_comes_only_when_asked_again_is_a_finding(amqp_url: str) -> None:
    limits = Limits(result_seconds=1.5, settle_seconds=0.1)
    async with serving(amqp_url, "extension_reset=silent*1"):
        verdicts = await run_at(amqp_url, planned("reset"), limits)

    assert failures(verdicts) == {"reset": ["already, but only when asked again"]}


async def test_kit_refuses_a_queue_that_holds_messages_and_leaves_them(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("telephony.pbx")
        await exchange.publish(aio_pika.Message(b"another's"), "extension_reset.london-1")
        with pytest.raises(NotTested, match=r"pbx\.extension-reset holds 1 messages.*--purge"):
            await verdicts_at(amqp_url, options_of([]), planned("reset"), print)
        queue = await channel.get_queue("pbx.extension-reset")
        assert (await queue.get(no_ack=True)).body == b"another's"


async def test_purge_removes_what_the_queues_hold(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        exchange = await (await connection.channel()).get_exchange("telephony.pbx.results")
        await exchange.publish(aio_pika.Message(b"old"), "pbx.result")
    async with serving(amqp_url):
        options = options_of(["--purge", "--settle", "0.1"])
        verdicts = await verdicts_at(amqp_url, options, planned("reset"), print)

    assert failures(verdicts) == {}


async def test_kit_refuses_results_that_another_consumer_reads(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_harness, "MARK_SECONDS", 0.5)
    taken = asyncio.Queue[AbstractIncomingMessage]()
    async with await aio_pika.connect(amqp_url) as connection:
        queue = await (await connection.channel()).get_queue("telephony.pbx.results")
        await queue.consume(taken.put)
        with pytest.raises(NotTested, match=r"Another consumer reads telephony\.pbx\.results"):
            await verdicts_at(amqp_url, options_of([]), planned("reset"), print)


async def test_kit_refuses_results_that_arrived_before_the_test_and_leaves_them(
    amqp_url: str,
) -> None:
    taken = asyncio.Queue[Arrival]()
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("telephony.pbx.results")
        async with broker_harness.broker_harness(amqp_url, purges=False) as harness:
            for body in (b"first", b"second"):
                await exchange.publish(aio_pika.Message(body), "pbx.result")
            with pytest.raises(broker_harness.QueueInUse, match="before the test began"):
                await harness.receive(taken.put)
        queue = await channel.get_queue("telephony.pbx.results")
        left = asyncio.Queue[AbstractIncomingMessage]()
        await queue.consume(left.put, no_ack=True)
        async with asyncio.timeout(60):
            bodies = [(await left.get()).body for _ in range(2)]

    assert bodies == [b"first", b"second"]
    assert taken.empty()


async def test_kit_names_a_missing_queue_and_the_definitions(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        await (await connection.channel()).queue_delete("pbx.handset-logout")
    with pytest.raises(NotTested, match=r"pbx\.handset-logout.*rabbitmq-definitions\.json"):
        await verdicts_at(amqp_url, options_of([]), planned("reset"), print)


async def test_kit_removes_requests_that_nothing_consumes(amqp_url: str) -> None:
    remarks: list[str] = []
    options = options_of(["--within", "0.2", "--attempts", "2", "--settle", "0.1"])
    verdicts = await verdicts_at(amqp_url, options, planned("reset", "logout"), remarks.append)

    assert failures(verdicts) == {
        name: ["no result, although it was sent 2 times"] for name in ("logout", "reset")
    }
    assert [remark.split(":")[0] for remark in remarks] == [
        "pbx.handset-logout",
        "pbx.extension-reset",
    ]
    assert "2 requests" in remarks[0]
    again = await verdicts_at(amqp_url, options, planned("reset"), print)
    assert not again[0].passed


async def test_restart_command_that_fails_ends_the_test(amqp_url: str) -> None:
    options = options_of(["--restart-command", "false"])
    with pytest.raises(NotTested, match="false ended with exit status 1"):
        await verdicts_at(amqp_url, options, planned("restart"), print)


async def test_restart_command_that_does_not_end_ends_the_test(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_broker, "RESTART_SECONDS", 0.2)
    options = options_of(["--restart-command", "sleep 3600"])
    with pytest.raises(NotTested, match="sleep did not end within"):
        await verdicts_at(amqp_url, options, planned("restart"), print)


async def test_kit_at_another_virtual_host_does_not_quote_the_password() -> None:
    options = options_of(["--vhost", "a/b"])
    with pytest.raises(NotTested) as refused:
        await verdicts_at("amqp://guest:hunter2@127.0.0.1:1/", options, planned("reset"), print)

    assert "RabbitMQ at 127.0.0.1:1: " in str(refused.value)
    assert "hunter2" not in str(refused.value)


async def test_kit_names_a_virtual_host_that_is_missing_and_the_remedy(amqp_url: str) -> None:
    options = options_of(["--vhost", "/my tests"])

    with pytest.raises(NotTested) as stopped:
        await verdicts_at(amqp_url, options, planned("reset"), lambda _: None)

    assert "the virtual host '/my tests' does not exist, or the user " in str(stopped.value)
    assert "`rabbitmqctl add_vhost '/my tests'`" in str(stopped.value)


async def test_fake_pbx_names_a_virtual_host_that_is_missing(amqp_url: str) -> None:
    elsewhere = f"{amqp_url.rpartition('/')[0]}/nowhere"

    async with fake_pbx(elsewhere) as pbx:
        await pbx.until_printed("the virtual host 'nowhere' does not exist")
