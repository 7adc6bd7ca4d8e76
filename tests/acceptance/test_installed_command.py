"""The installed command as a stranger runs it: a process with arguments, signals and exit codes."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.support.environments import Environment
from tests.support.platform import Platform
from tests.support.workers import rows, store
from worker.shell.database.engine import Database

COMMAND = str(Path(sys.executable).with_name("activation-worker"))
NUMBER = "+442079460001"
PLACE = ("--account", "acme", "--site", "london")
PATIENCE_SECONDS = 30

SAMPLE = [
    {
        "kind": "voice_service",
        "service_id": "service-1",
        "account_id": "acme",
        "account_kind": "occupier",
        "site_id": "london",
        "quantity": 1,
    },
    *(
        {
            "kind": "phone_number",
            "phone_number": number,
            "account_id": "acme",
            "site_id": "london",
            "status": "RESERVED",
            "features": {"voicemail": "a secret code"},
        }
        for number in (NUMBER, "+442079460002")
    ),
]


@pytest.fixture
def environment(database_url: str, amqp_url: str) -> Environment:
    """What a person exports before running the command, which is measured here."""
    servers = {"DATABASE_URL": database_url, "AMQP_URL": amqp_url, "WORKER_HTTP_PORT": "0"}
    return {**os.environ, **servers}


async def command(
    environment: Environment, *arguments: str, given: str = ""
) -> tuple[int | None, str]:
    """Runs it to its end: the exit code, and all that it said."""
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        env=dict(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(given.encode()), PATIENCE_SECONDS)
    return process.returncode, output.decode()


@asynccontextmanager
async def running(environment: Environment) -> AsyncIterator[asyncio.subprocess.Process]:
    """`activation-worker run`, leading; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        COMMAND, "run", env=dict(environment), stderr=asyncio.subprocess.PIPE
    )
    try:
        await until_logged(process, "leadership_gained")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until_logged(process: asyncio.subprocess.Process, action: str) -> dict[str, object]:
    """The log record with this action, as soon as it is written."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for line in process.stderr:
            record: dict[str, object] = json.loads(line)
            if record["action"] == action:
                return record
    message = f"the worker ended without {action}"
    raise AssertionError(message)


async def imported(environment: Environment) -> None:
    """The sample, imported from standard input."""
    lines = "\n".join(json.dumps(record) for record in SAMPLE)
    code, said = await command(environment, "import", "-", given=lines)
    assert code == 0, said


async def test_it_works_and_stops_in_order_on_sigterm(environment: Environment) -> None:
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


async def test_what_a_killed_worker_left_is_finished_by_the_next(
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


async def test_health_and_readiness_are_served(environment: Environment) -> None:
    process = await asyncio.create_subprocess_exec(
        COMMAND, "run", env=dict(environment), stderr=asyncio.subprocess.PIPE
    )
    try:
        port = (await until_logged(process, "http_serving"))["port"]
        await until_logged(process, "leadership_gained")
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            for path in ("/healthz", "/readyz", "/metrics"):
                async with session.get(path) as response:
                    assert response.status == 200
    finally:
        process.terminate()
        await process.communicate()


async def test_a_wait_without_a_worker_ends_with_its_own_code(environment: Environment) -> None:
    arguments = ("send", "activate", NUMBER, *PLACE, "--wait", "--timeout", "0.5")

    assert (await command(environment, *arguments))[0] == 4


async def test_show_tells_state_arithmetic_and_history(environment: Environment) -> None:
    await imported(environment)
    code, said = await command(environment, "show", NUMBER)

    assert code == 0
    assert "RESERVED" in said
    assert "1 bought - 0 active - 0 pending = 1 free" in said
    assert "secret" not in said
    assert (await command(environment, "show", "+449999999999"))[0] == 5


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("nonsense", "line 1: Invalid JSON"),
        ('\n{"kind": "voice_service"}', "line 2: service_id: Field required"),
        ('{"kind": "elephant"}', "line 1: Input tag 'elephant'"),
        (
            '{"kind":"phone_number","phone_number":"+449999999","site_id":"s","status":"PENDING"}',
            "PENDING is the worker's own",
        ),
        (
            '{"kind":"hunt_group_member","phone_number":"+449999999","hunt_group_id":"g"}',
            "line 1: +449999999 is not provisioned",
        ),
    ],
)
async def test_an_import_with_a_wrong_line_names_it_and_changes_nothing(
    environment: Environment, database: Database, lines: str, problem: str
) -> None:
    # Valid records behind the wrong line: without them there is nothing that could be stored.
    valid = (json.dumps(record) for record in SAMPLE)
    code, said = await command(environment, "import", "-", given="\n".join([lines, *valid]))

    assert code == 6
    assert problem in said
    assert await rows(database, "SELECT count(*) FROM voice_services") == [(0,)]
    assert await rows(database, "SELECT count(*) FROM phone_numbers") == [(0,)]


async def test_an_unknown_setting_stops_the_start(environment: Environment) -> None:
    code, said = await command({**environment, "WORKER_COLOUR": "blue"}, "run")

    assert code == 9
    assert "WORKER_COLOUR is not a setting" in said


async def test_a_queue_that_is_not_as_wanted_is_named(
    environment: Environment, platform: Platform
) -> None:
    await platform.channel.queue_delete("pbx.extension-reset")
    await platform.channel.declare_queue("pbx.extension-reset", durable=True)
    code, said = await command(environment, "topology")

    assert code == 7
    assert "queue 'pbx.extension-reset'" in said
    assert "quorum" in said


async def test_the_schema_must_be_current(environment: Environment, database: Database) -> None:
    await store(database, "DELETE FROM alembic_version")
    code, said = await command(environment, "run")

    assert code == 10
    assert "activation-worker migrate" in said
