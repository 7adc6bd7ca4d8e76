"""The commands `migrate`, `topology` and `check` prepare the servers, and say what is missing."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest
from activation_contracts.topology.roles import ROLES

from tests.support.command_line import Invoke
from tests.support.data.records import service
from tests.support.platform import Platform
from tests.support.quick import parametrize_quick
from tests.support.servers.administration import Administration
from tests.support.workers import rows, store
from worker.broker.connecting.connection import connect
from worker.cli.exits import Exit
from worker.local import PrivateServers
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"
CURRENT_DATABASE = "SELECT current_database() AS name"
VOICE_SERVICE = json.dumps(service())
SEND = ("send", "activate", NUMBER, "--account", "acme", "--site", "london")


@pytest.fixture
async def bare(servers: PrivateServers) -> dict[str, str]:
    """Servers on which nothing was prepared."""
    return {
        "DATABASE_URL": await servers.postgresql.create_database("bare"),
        "AMQP_URL": await servers.rabbitmq.create_virtual_host("bare"),
    }


async def test_commands_on_bare_servers_name_the_command_that_prepares_them(
    invoke: Invoke, bare: dict[str, str], servers: PrivateServers
) -> None:
    for arguments, remedy in (
        (("show", NUMBER), "activation-worker migrate"),
        (("pending",), "activation-worker migrate"),
        (("import", "-"), "activation-worker migrate"),
        (SEND, "activation-worker topology"),
        ((*SEND, "--wait"), "activation-worker topology"),
        (("dead-letters", "list"), "activation-worker topology"),
    ):
        result = await invoke(*arguments, given=VOICE_SERVICE, **bare)
        assert result.exit_code == Exit.NOT_READY, result.output
        assert remedy in result.output
    await servers.postgresql.drop_database("bare")
    await servers.rabbitmq.delete_virtual_host("bare")


async def test_preparing_twice_does_no_harm(invoke: Invoke) -> None:
    assert "The schema is at " in (await invoke("migrate")).output
    assert "exists  telephony.phone_number.commands\n" in (await invoke("topology")).output


async def test_topology_says_what_it_created_and_what_existed(
    invoke: Invoke, bare: dict[str, str], servers: PrivateServers
) -> None:
    created = (await invoke("topology", **bare)).output.splitlines()
    queue = "telephony.phone_number.commands.bulk"
    async with await connect([bare["AMQP_URL"]]) as connection:
        channel = await connection.channel()
        await channel.queue_delete(queue)
    again = (await invoke("topology", **bare)).output.splitlines()

    assert "created telephony.events" in created
    assert {line.split()[0] for line in created} == {"created"}
    assert [line for line in again if not line.startswith("exists ")] == [f"created {queue}"]
    assert [line.split()[1] for line in again] == [line.split()[1] for line in created]
    await servers.postgresql.drop_database("bare")
    await servers.rabbitmq.delete_virtual_host("bare")


async def test_topology_creates_the_event_log_which_check_misses_before(
    invoke: Invoke,
) -> None:
    logging = {"WORKER_EVENT_LOG_DAYS": "7"}
    before = await invoke("check", **logging)
    created = await invoke("topology", **logging)
    after = await invoke("check", **logging)

    assert before.exit_code == Exit.NOT_READY
    assert "FAILED  broker: NOT_FOUND - no queue 'telephony.events.log'" in before.output
    assert "created telephony.events.log\n" in created.output
    assert after.exit_code == Exit.DONE


async def test_topology_and_check_remark_that_the_event_log_has_another_retention(
    invoke: Invoke,
) -> None:
    await invoke("topology", WORKER_EVENT_LOG_DAYS="7")
    for command, subject in (("topology", "telephony.events.log"), ("check", "broker")):
        result = await invoke(command, WORKER_EVENT_LOG_DAYS="14")

        assert result.exit_code == Exit.DONE
        assert f"{subject}: The event log exists with another retention" in result.output


async def test_check_finds_nothing_wrong_with_prepared_servers(invoke: Invoke) -> None:
    result = await invoke("check")

    assert result.exit_code == Exit.DONE
    assert [line.partition(":")[0].split(maxsplit=1) for line in result.output.splitlines()] == [
        ["ok", "database"],
        ["ok", "durability"],
        ["ok", "clock"],
        ["ok", "broker"],
        ["ok", "partitions"],
        ["ok", "rights"],
        ["ok", "intake"],
        ["ok", "dead letters"],
        ["skipped", "topology"],
        ["skipped", "policies"],
    ]


async def test_check_prints_its_findings_for_scripts(invoke: Invoke, platform: Platform) -> None:
    await platform.channel.queue_delete("pbx.extension-reset")
    result = await invoke("check", "--json")
    findings = {row["subject"]: row for row in map(json.loads, result.output.splitlines())}

    assert result.exit_code == Exit.NOT_READY
    assert findings["database"] == {
        "subject": "database",
        "status": "ok",
        "message": None,
        "exit_code": 0,
    }
    assert (findings["broker"]["status"], findings["broker"]["exit_code"]) == ("failed", 10)
    assert "pbx.extension-reset" in findings["broker"]["message"]


async def test_the_exit_code_of_check_is_that_of_the_worst_problem(
    invoke: Invoke, platform: Platform, database: Database
) -> None:
    await store(
        database,
        "DELETE FROM activation_worker_version",
        "ALTER TABLE outbox SET UNLOGGED",
    )
    await platform.channel.queue_delete("pbx.extension-reset")
    await platform.channel.declare_queue("pbx.extension-reset", durable=True)
    result = await invoke("check")

    assert [line.split()[:2] for line in result.output.splitlines()] == [
        ["FAILED", "database:"],
        ["FAILED", "durability:"],
        ["ok", "clock"],
        ["FAILED", "broker:"],
        ["skipped", "partitions:"],
        ["skipped", "rights:"],
        ["skipped", "intake:"],
        ["skipped", "dead"],
        ["skipped", "topology:"],
        ["skipped", "policies:"],
    ]
    assert result.exit_code == Exit.UNSAFE


async def test_check_exits_with_0_if_it_only_warns(invoke: Invoke, database: Database) -> None:
    ((name,),) = await rows(database, CURRENT_DATABASE)
    await store(database, f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC, activation')
    result = await invoke("check")

    assert result.exit_code == Exit.DONE, result.output
    assert "warning durability: This role may not create temporary tables" in result.output


async def test_check_sees_arguments_and_bindings_of_what_its_user_may_not_declare(
    invoke: Invoke,
    administration: Administration,
    platform: Platform,
    servers: PrivateServers,
) -> None:
    serving = ROLES[0]
    limited = {
        "AMQP_URL": await administration.add_user(
            serving.configure, serving.write, serving.read, tags="management"
        ),
        "WORKER_MANAGEMENT_URL": f"http://127.0.0.1:{servers.rabbitmq.ports.management}",
        "WORKER_DECLARE_TOPOLOGY": "false",
    }
    before = await invoke("check", **limited)
    await platform.channel.queue_delete("pbx.extension-reset")
    await platform.channel.declare_queue(
        "pbx.extension-reset", durable=True, arguments={"x-queue-type": "quorum"}
    )
    result = await invoke("check", **limited)

    assert before.exit_code == Exit.DONE, before.output
    assert result.exit_code == Exit.MISMATCH, result.output
    for difference in (
        "queue pbx.extension-reset has x-delivery-limit unset instead of 1000000",
        "queue pbx.extension-reset has x-overflow unset instead of 'reject-publish'",
        "queue pbx.extension-reset is not bound to telephony.pbx by 'extension_reset.*'",
    ):
        assert difference in result.output


async def test_check_names_every_missing_part(
    invoke: Invoke, platform: Platform, database: Database
) -> None:
    await platform.channel.queue_delete("pbx.extension-reset")
    await store(database, "DELETE FROM activation_worker_version")
    result = await invoke("check")

    assert result.exit_code == Exit.NOT_READY
    assert "FAILED  database: The database's schema is not current" in result.output
    assert "FAILED  broker: NOT_FOUND - no queue 'pbx.extension-reset'" in result.output


async def test_check_names_a_missing_partition_queue_and_the_command_that_makes_it(
    invoke: Invoke, platform: Platform
) -> None:
    await invoke("partitions", "2")
    assert (await invoke("check")).exit_code == Exit.DONE
    await platform.channel.queue_delete("telephony.phone_number.commands.partition-1-of-2")
    result = await invoke("check")

    assert result.exit_code == Exit.NOT_READY
    assert "no queue 'telephony.phone_number.commands.partition-1-of-2'" in result.output
    assert "activation-worker partitions 2" in result.output
    assert (await invoke("partitions", "2")).exit_code == Exit.DONE
    assert (await invoke("check")).exit_code == Exit.DONE


async def test_check_names_a_policy_that_can_destroy_messages(
    invoke: Invoke, administration: Administration, servers: PrivateServers
) -> None:
    management = f"http://127.0.0.1:{servers.rabbitmq.ports.management}"
    assert "ok      policies\n" in (await invoke("check", WORKER_MANAGEMENT_URL=management)).output
    await administration.set_policy(r"dead_letter$", delivery_limit=5, expires=10_000_000)
    async with asyncio.timeout(90):
        while True:
            result = await invoke("check", WORKER_MANAGEMENT_URL=management)
            if result.exit_code != Exit.DONE:
                break

    assert result.exit_code == Exit.UNAVAILABLE
    assert (
        "policy 'of-this-test' on telephony.phone_number.commands.dead_letter:"
        " delivery-limit, expires." in result.output
    )


async def test_check_shows_refused_dead_letters_with_the_reason_and_what_limits_their_queue(
    invoke: Invoke, database: Database, administration: Administration, servers: PrivateServers
) -> None:
    management = f"http://127.0.0.1:{servers.rabbitmq.ports.management}"
    await administration.set_policy(r"dead_letter$", max_length=5)
    await store(
        database,
        """INSERT INTO dead_letters (properties, body, stored_at, attempts, last_error)
        VALUES ('', '', now(), 3, 'the broker refused it')""",
    )
    result = await invoke("check")

    assert result.exit_code == Exit.UNAVAILABLE
    assert "The dead-letter queue refuses 1 messages" in result.output
    assert "in the database: the broker refused it. It holds 0 messages. AMQP shows no limit" in (
        result.output
    )
    async with asyncio.timeout(90):
        while "It holds 0 messages. policy 'of-this-test' sets max-length 5." not in result.output:
            result = await invoke("check", WORKER_MANAGEMENT_URL=management)


async def test_check_names_a_deleted_alternate_exchange(invoke: Invoke, platform: Platform) -> None:
    await platform.channel.exchange_delete("telephony.commands.unrouted")
    result = await invoke("check")

    assert result.exit_code == Exit.NOT_READY
    assert "no exchange 'telephony.commands.unrouted'" in result.output


async def test_check_names_a_queue_with_other_properties(
    invoke: Invoke, platform: Platform
) -> None:
    await platform.channel.queue_delete("pbx.extension-reset")
    await platform.channel.declare_queue("pbx.extension-reset", durable=True)
    for command in ("check", "topology"):
        result = await invoke(command)

        assert result.exit_code == Exit.MISMATCH, result.output
        assert "The queue 'pbx.extension-reset' exists with other properties." in result.output


@parametrize_quick("limit", [2, 0], quick=1)
async def test_check_says_that_a_virtual_host_allows_too_few_connections(
    invoke: Invoke, servers: PrivateServers, amqp_url: str, limit: int
) -> None:
    limits = ("--vhost", amqp_url.rpartition("/")[2], json.dumps({"max-connections": limit}))
    await servers.rabbitmq.control("set_vhost_limits", *limits)
    result = await invoke("check")

    assert result.exit_code == Exit.UNAVAILABLE
    assert f"connection limit ({limit}) is reached; each worker needs 3: raise" in result.output


async def test_check_says_that_its_user_may_open_too_few_channels(
    invoke: Invoke, administration: Administration, servers: PrivateServers
) -> None:
    url = await administration.add_user(".*", ".*", ".*")
    user = str(urlsplit(url).username)
    await servers.rabbitmq.control("set_user_limits", user, json.dumps({"max-channels": 5}))
    result = await invoke("check", AMQP_URL=url)

    assert result.exit_code == Exit.UNAVAILABLE
    assert "RabbitMQ does not open the 15 channels that a worker needs" in result.output
    assert "maximum allowed user limit of (5)" in result.output


async def test_topology_does_not_blame_a_queue_that_the_broker_has_no_room_for(
    invoke: Invoke, platform: Platform, servers: PrivateServers, amqp_url: str
) -> None:
    limits = ("--vhost", amqp_url.rpartition("/")[2], '{"max-queues": 1}')
    await servers.rabbitmq.control("set_vhost_limits", *limits)
    await platform.channel.queue_delete("pbx.extension-reset")
    result = await invoke("topology")

    assert result.exit_code == Exit.UNAVAILABLE
    assert "queue 'pbx.extension-reset' could not be declared" in result.output
    assert "queue limit in vhost" in result.output
    assert "Raise max-queues" in result.output
    assert "delete it" not in result.output
