"""The installed command: a process with arguments, signals and exit codes."""

import asyncio
import json
import os
import signal
import socket

import aiohttp
import pytest

from tests.support.data.inserts import handset_login, phone_numbers
from tests.support.environments import WITHOUT_EVENT_LOG, Environment
from tests.support.installed_command import (
    COMMAND,
    NUMBER,
    PATIENCE_SECONDS,
    PLACE,
    SAMPLE,
    command,
    imported,
    running,
    until_logged,
)
from tests.support.platform import Platform
from tests.support.quick import parametrize_quick
from tests.support.workers import rows, store
from worker.storage.connecting.engine import Database


@pytest.fixture
def environment(database_url: str, amqp_url: str) -> Environment:
    """The environment of the command; its coverage is measured."""
    servers = {"DATABASE_URL": database_url, "AMQP_URL": amqp_url, "WORKER_HTTP_PORT": "0"}
    return {**os.environ, **servers, **WITHOUT_EVENT_LOG}


async def test_run_handles_commands_and_stops_in_order_on_sigterm(environment: Environment) -> None:
    await imported(environment)
    async with running(environment) as worker:
        done = await command(environment, "send", "activate", NUMBER, *PLACE, "--wait")
        refused = await command(environment, "send", "activate", "+442079460002", *PLACE, "--wait")
        worker.send_signal(signal.SIGTERM)
        await until_logged(worker, "worker_stopped")
        assert await asyncio.wait_for(worker.wait(), PATIENCE_SECONDS) == 0

    assert done[0] == 0
    assert "ACTIVE" in done[1]
    assert refused[0] == 3
    assert "1 + 0 + 1 is more than 1" in refused[1]


async def test_next_worker_finishes_what_a_killed_worker_left(
    environment: Environment, platform: Platform, database: Database
) -> None:
    await imported(environment)
    async with running(environment) as worker:
        identifier = await platform.send("activate", NUMBER)
        worker.kill()
    async with running(environment):
        assert (await platform.outcome(identifier))[-1] == "ACTIVE"

    assert await rows(database, "SELECT outcome FROM commands") == [("completed",)]
    assert await rows(database, "SELECT active, pending FROM entitlement_usage") == [(1, 0)]


@pytest.mark.campaign
async def test_a_manual_logout_is_listed_after_the_deactivation_until_a_person_closes_it(
    environment: Environment, database: Database
) -> None:
    active = phone_numbers(NUMBER, status="ACTIVE", extension="101")
    await store(database, active, handset_login(NUMBER, "fax-2", "analogue"))
    async with running(environment):
        deactivated = await command(environment, "send", "deactivate", NUMBER, *PLACE, "--wait")
    listed = await command(environment, "manual-logouts", "--site", "london")
    close = ("manual-logouts", "close", NUMBER, "fax-2", "--by", "Ada", "--why", "done")
    closed = await command(environment, *close)
    again = await command(environment, *close)
    shown = await command(environment, "show", NUMBER)

    assert deactivated[0] == 0
    assert listed[0] == 0
    assert f"{NUMBER}  fax-2 (analogue)  acme at london, extension 101\n" in listed[1]
    assert closed == (0, f"Closed: {NUMBER} at fax-2.\n")
    assert (again[0], "no open manual logout" in again[1]) == (5, True)
    assert await command(environment, "manual-logouts") == (0, "0 open\n")
    assert "UTC by Ada: done" in shown[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@parametrize_quick(
    "page, elsewhere",
    [("local", False), ("local", True), ("off", False)],
    quick=2,
)
async def test_run_serves_health_readiness_metrics_and_the_page(
    environment: Environment, page: str, *, elsewhere: bool
) -> None:
    page_port = free_port() if elsewhere else 0
    changes = {"WORKER_PAGE": page, "WORKER_PAGE_PORT": str(page_port)}
    process = await asyncio.create_subprocess_exec(
        COMMAND, "run", env={**environment, **changes}, stderr=asyncio.subprocess.PIPE
    )
    try:
        port = (await until_logged(process, "http_started"))["port"]
        await until_logged(process, "leadership_gained")
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            for path in ("/healthz", "/readyz", "/metrics"):
                async with session.get(path) as response:
                    assert response.status == 200
            async with session.get("/") as response:
                here = page == "local" and not elsewhere
                assert response.status == (200 if here else 404)
            if elsewhere:
                async with session.get(f"http://127.0.0.1:{page_port}/") as response:
                    assert response.status == 200
                    assert "commands wait" in await response.text()
    finally:
        process.terminate()
        await process.communicate()


async def test_send_exits_with_its_own_code_if_no_worker_runs(environment: Environment) -> None:
    arguments = ("send", "activate", NUMBER, *PLACE, "--wait", "--timeout", "0.5")

    assert (await command(environment, *arguments))[0] == 4


async def test_show_prints_state_entitlement_and_history(environment: Environment) -> None:
    await imported(environment)
    code, output = await command(environment, "show", NUMBER)

    assert code == 0
    assert "RESERVED" in output
    assert "1 bought - 0 active - 0 pending = 1 free" in output
    assert "secret" not in output
    assert (await command(environment, "show", "+449999999999"))[0] == 5


@parametrize_quick(
    "lines, problem",
    [
        ("nonsense", "line 1: not JSON"),
        ('\n{"kind": "voice_service"}', "line 2: service_id: Field required"),
        ('{"kind": "elephant"}', "line 1: Input tag 'elephant'"),
        (
            '{"kind":"phone_number","phone_number":"+449999999","site_id":"s","status":"PENDING"}',
            "only the worker sets PENDING",
        ),
        (
            '{"kind":"hunt_group_member","phone_number":"+449999999","hunt_group_id":"g"}',
            "line 1: +449999999 is not provisioned",
        ),
    ],
    quick=2,
)
async def test_import_with_an_invalid_line_names_it_and_stores_nothing(
    environment: Environment, database: Database, lines: str, problem: str
) -> None:
    # Valid records follow the invalid line: without them there is nothing that could be stored.
    valid = (json.dumps(record) for record in SAMPLE)
    code, output = await command(environment, "import", "-", given="\n".join([lines, *valid]))

    assert code == 6
    assert problem in output
    assert await rows(database, "SELECT count(*) FROM voice_services") == [(0,)]
    assert await rows(database, "SELECT count(*) FROM phone_numbers") == [(0,)]


async def test_run_refuses_an_unknown_setting(environment: Environment) -> None:
    code, output = await command({**environment, "WORKER_COLOUR": "blue"}, "run")

    assert code == 9
    assert "WORKER_COLOUR is not a setting" in output


@pytest.mark.campaign
async def test_topology_names_a_queue_with_other_properties(
    environment: Environment, platform: Platform
) -> None:
    await platform.channel.queue_delete("pbx.extension-reset")
    await platform.channel.declare_queue("pbx.extension-reset", durable=True)
    code, output = await command(environment, "topology")

    assert code == 7
    assert "queue 'pbx.extension-reset'" in output
    assert "PRECONDITION_FAILED" in output


@pytest.mark.campaign
async def test_run_refuses_an_outdated_schema(environment: Environment, database: Database) -> None:
    await store(database, "DELETE FROM activation_worker_version")
    code, output = await command(environment, "run")

    assert code == 10
    assert "activation-worker migrate" in output
