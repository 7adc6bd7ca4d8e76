"""Each role on the broker does its work with exactly the rights that the documents list."""

import asyncio
import json

import aio_pika
import pytest
from activation_contracts.topology.roles import ROLES, Role
from aiormq.exceptions import ChannelAccessRefused

from tests.support.contract.deliveries import OWN
from tests.support.data.inserts import call_settings, handset_login, phone_numbers, voice_service
from tests.support.environments import Environment, environment
from tests.support.event_log import logged, logged_events
from tests.support.installed_command import command, running
from tests.support.platform import PBX_QUEUES, Platform, platform_at
from tests.support.quick import parametrize_quick
from tests.support.requester import requester
from tests.support.servers.administration import Administration
from tests.support.workers import rows, store
from worker.cli.exits import Exit
from worker.storage.connecting.engine import Database

__all__ = ["environment", "logged"]

NUMBER, MAIN_NUMBER = "+442079460001", "+442079460000"
PLACE = ("--account", "acme", "--site", "london")
SITE = (
    voice_service(3),
    phone_numbers(MAIN_NUMBER, status="ACTIVE", main_number=True),
    call_settings(MAIN_NUMBER),
    phone_numbers(NUMBER, extension="1"),
    handset_login(NUMBER),
)
(
    SERVING,
    DECLARING,
    REPARTITIONING,
    SENDING,
    WAITING,
    REPLAYING,
    PROVISIONING,
    STATING,
    OPERATING,
    REPUBLISHING,
) = ROLES


async def url_of(administration: Administration, role: Role) -> str:
    return await administration.add_user(role.configure, role.write, role.read)


@parametrize_quick(
    "role, declares, partitions",
    [
        (SERVING, "false", "1"),
        (DECLARING, "true", "2"),
        (SERVING, "false", "2"),
        (DECLARING, "true", "1"),
    ],
    quick=1,
)
async def test_worker_does_all_its_work_with_the_rights_of_its_role(
    administration: Administration,
    database: Database,
    environment: Environment,
    platform: Platform,
    role: Role,
    declares: str,
    partitions: str,
) -> None:
    await store(database, *SITE)
    assert (await command(environment, "partitions", partitions))[0] == Exit.DONE
    own = {
        **environment,
        "AMQP_URL": await url_of(administration, role),
        "WORKER_DECLARE_TOPOLOGY": declares,
        "WORKER_AWAITED_STEPS": "activation",
    }
    code, findings = await command(own, "check")
    assert (code, "FAILED" in findings, "ok      rights\n" in findings) == (0, False, True)
    reply = await platform.channel.declare_queue("reply.of-this-test", durable=True)
    async with running(own) as process:
        sent = await platform.send("activate", NUMBER, properties={"reply_to": reply.name})
        await platform.until(lambda: platform.events)
        await platform.answer(platform.events[0]["id"], "done")
        assert await platform.outcome(sent) == ["PENDING", "ACTIVE"]
        await platform.until(lambda: platform.pbx_messages)
        await platform.send_raw(b"no json")
        assert (await platform.dead_letter()).body == b"no json"
        (page,) = await (await requester(platform)).answer_to(phone_number=NUMBER)
        assert page["numbers"][0]["status"] == "ACTIVE"
        async with asyncio.timeout(90):
            while await reply.get(fail=False) is None:
                await asyncio.sleep(0.1)
        process.terminate()
        await process.wait()
    assert await rows(database, "SELECT 1 FROM outbox") == []


@pytest.mark.campaign
async def test_the_declaring_role_declares_the_topology_anew(
    administration: Administration, environment: Environment, platform: Platform
) -> None:
    url = await url_of(administration, DECLARING)
    own = {**environment, "AMQP_URL": url, "WORKER_EVENT_LOG_DAYS": "7"}
    for queue in ("telephony.phone_number.commands", "pbx.extension-reset"):
        await platform.channel.queue_delete(queue)
    for exchange in ("telephony.commands", "telephony.pbx.results"):
        await platform.channel.exchange_delete(exchange)

    assert (await command(own, "topology"))[0] == Exit.DONE
    assert (await command(own, "partitions", "2"))[0] == Exit.DONE


@pytest.mark.campaign
async def test_the_role_for_partitions_changes_their_number_in_both_directions(
    administration: Administration, environment: Environment, platform: Platform
) -> None:
    own = {**environment, "AMQP_URL": await url_of(administration, REPARTITIONING)}
    for partitions in ("3", "2", "1"):
        code, output = await command(own, "partitions", partitions)
        assert (code, f"The number of partitions is {partitions} now" in output) == (0, True)
    assert platform.events == []


@parametrize_quick("role", [SERVING, SENDING, OPERATING], quick=1, ids=lambda role: role.name)
async def test_a_change_of_partitions_that_lacks_a_right_does_not_begin(
    administration: Administration, database: Database, environment: Environment, role: Role
) -> None:
    own = {**environment, "AMQP_URL": await url_of(administration, role)}
    code, output = await command(own, "partitions", "2")

    assert code == Exit.UNAVAILABLE
    assert "lacks rights that a change of the number of partitions needs: configure" in output
    assert await rows(database, "SELECT partitions, target FROM partitioning") == [(1, None)]


async def test_the_web_tier_sends_with_the_right_to_publish_alone(
    administration: Administration, environment: Environment
) -> None:
    own = {**environment, "AMQP_URL": await url_of(administration, SENDING)}

    assert (await command(own, "send", "activate", NUMBER, *PLACE))[0] == Exit.DONE


@parametrize_quick("role, more", [(SENDING, ("--wait",)), (PROVISIONING, ())], quick=1)
async def test_send_names_the_right_that_is_missing(
    administration: Administration,
    environment: Environment,
    role: Role,
    more: tuple[str, ...],
) -> None:
    own = {**environment, "AMQP_URL": await url_of(administration, role)}
    code, output = await command(own, "send", "activate", NUMBER, *PLACE, *more)

    assert code == Exit.UNAVAILABLE
    assert "lacks a right to send commands, or to wait for their events" in output


async def test_the_web_tier_waits_with_the_rights_for_a_queue_of_its_own(
    administration: Administration, database: Database, environment: Environment
) -> None:
    await store(database, *SITE)
    own = {**environment, "AMQP_URL": await url_of(administration, WAITING)}
    async with running(environment):
        code, output = await command(own, "send", "activate", NUMBER, *PLACE, "--wait")

    assert (code, "ACTIVE" in output) == (Exit.DONE, True)


async def test_a_pbx_consumes_its_queues_and_answers(
    administration: Administration, database: Database, environment: Environment, amqp_url: str
) -> None:
    await store(database, *SITE)
    own = await url_of(administration, PROVISIONING)
    awaiting = {**environment, "WORKER_AWAITED_STEPS": "hunt_group_membership"}
    async with (
        platform_at(amqp_url, is_the_pbx=False) as web_tier,
        await aio_pika.connect(own) as connection,
        running(awaiting),
    ):
        pbx = Platform(await connection.channel())
        for name in PBX_QUEUES:
            queue = await pbx.channel.get_queue(name, ensure=False)
            await pbx.collect(queue, pbx.pbx_messages)
        sent = await web_tier.send("activate", NUMBER)
        assert await web_tier.outcome(sent) == ["PENDING", "ACTIVE"]
        await pbx.until(lambda: pbx.pbx_messages)
        await pbx.answer(pbx.pbx_messages[0]["id"], "done")
        async with asyncio.timeout(90):
            while await rows(database, "SELECT 1 FROM operations"):
                await asyncio.sleep(0.1)


@pytest.mark.usefixtures("logged")
async def test_a_subscriber_replays_events_with_the_right_to_read_the_log_alone(
    administration: Administration, amqp_url: str
) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        events = await (await connection.channel()).get_exchange("telephony.events", ensure=False)
        await events.publish(aio_pika.Message(b"{}", app_id=OWN), "phone_number.rejected")

    assert await logged_events(await url_of(administration, REPLAYING), 1) == [{}]
    with pytest.raises(ChannelAccessRefused):
        await logged_events(await url_of(administration, WAITING), 1)


async def test_a_system_that_owns_records_states_them(
    administration: Administration, database: Database, environment: Environment
) -> None:
    async with (
        await aio_pika.connect(await url_of(administration, STATING)) as connection,
        running(environment),
    ):
        owner = Platform(await connection.channel())
        await owner.state("phone_number", 1, phone_number=NUMBER, label="desk")
        async with asyncio.timeout(90):
            while not await rows(database, "SELECT 1 FROM phone_numbers WHERE label = 'desk'"):
                await asyncio.sleep(0.1)


@pytest.mark.campaign
async def test_operators_list_replay_and_discard_dead_letters(
    administration: Administration, environment: Environment, platform: Platform
) -> None:
    own = {**environment, "AMQP_URL": await url_of(administration, OPERATING)}
    by_ada = ("--by", "Ada", "--why", "a test")
    for body in (b"first", b"second"):
        exchange = await platform.channel.get_exchange("telephony.commands", ensure=False)
        await exchange.publish(aio_pika.Message(body), "phone_number.dance")
    listed = json.loads((await command(own, "dead-letters", "list", "--json"))[1])
    assert [letter["body"] for letter in listed] == ["first", "second"]
    first, second = (letter["key"] for letter in listed)
    assert await command(own, "dead-letters", "discard", first, "--yes", *by_ada) == (
        0,
        "1 discarded\n",
    )
    assert await command(own, "dead-letters", "replay", second, *by_ada) == (0, "1 replayed\n")


async def test_operators_republish_with_the_right_to_publish_events_alone(
    administration: Administration,
    database: Database,
    environment: Environment,
    platform: Platform,
) -> None:
    await store(database, *SITE)
    own = {**environment, "AMQP_URL": await url_of(administration, REPUBLISHING)}

    assert (await command(own, "republish", "--all"))[0] == Exit.DONE
    await platform.until(lambda: platform.events)


@parametrize_quick(
    "role, missing",
    [
        (SENDING, "read queue 'telephony.phone_number.commands'"),
        (PROVISIONING, "write exchange 'amq.default'"),
    ],
    quick=1,
)
async def test_run_and_check_end_with_the_same_sentence_about_missing_rights(
    administration: Administration, environment: Environment, role: Role, missing: str
) -> None:
    own = {
        **environment,
        "AMQP_URL": await url_of(administration, role),
        "WORKER_DECLARE_TOPOLOGY": "false",
    }
    sentences = set()
    for verb in ("check", "run"):
        code, output = await command(own, verb)
        assert code == Exit.UNAVAILABLE
        sentences.add(output[output.index("The RabbitMQ user") :].splitlines()[0])

    (sentence,) = sentences
    assert missing in sentence
