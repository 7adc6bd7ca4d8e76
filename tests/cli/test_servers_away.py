"""Every command ends while a server is away, and blames the server that is away."""

import json

import pytest

from tests.support.command_line import Invoke, commands
from tests.support.data.records import number
from worker.cli import main
from worker.cli.exits import Exit

NUMBER = "+442079460001"
AWAY = "postgresql://worker@127.0.0.1:1/numbers"

REASON = ("--by", "Ada", "--why", "a test")
RECORD = json.dumps(number())
WITHOUT_DATABASE = {
    *("contracts export", "send", "topology", "standalone", "run"),
    *("dead-letters list", "dead-letters show"),
}
"""Commands that need no database, have one of their own, or wait for it."""
ARGUMENTS = {
    "migrate": (),
    "check": (),
    "import": ("-",),
    "show": (NUMBER,),
    "entitlements": (),
    "pending": (),
    "resolve": (NUMBER, "--as", "done", *REASON),
    "partitions": (),
    "reconcile": ("-",),
    "republish": ("--all",),
    "manual-logouts": (),
    "manual-logouts close": (NUMBER, "fax", *REASON),
    "outbox list": (),
    "outbox retry": ("--all", *REASON),
    "pause": REASON,
    "resume": REASON,
    "acts": (),
    "retention": (),
    "dead-letters replay": ("--all", *REASON),
    "dead-letters discard": ("--all", "--yes", *REASON),
    "outbox discard": ("1", *REASON),
}


def test_every_command_that_uses_the_database_is_tried() -> None:
    assert commands(main) - WITHOUT_DATABASE == ARGUMENTS.keys()


@pytest.mark.parametrize("command", ARGUMENTS)
async def test_command_ends_and_blames_postgresql(invoke: Invoke, command: str) -> None:
    result = await invoke(*command.split(), *ARGUMENTS[command], given=RECORD, DATABASE_URL=AWAY)

    assert result.exit_code == Exit.UNAVAILABLE, result.output
    assert "PostgreSQL cannot be used: 127.0.0.1:1: " in result.output
    assert "RabbitMQ cannot be used" not in result.output


async def test_changing_the_partitions_ends_and_blames_postgresql(invoke: Invoke) -> None:
    result = await invoke("partitions", "2", DATABASE_URL=AWAY)

    assert result.exit_code == Exit.UNAVAILABLE, result.output
    assert "PostgreSQL cannot be used" in result.output


async def test_check_shows_a_pause_while_the_broker_is_away_and_names_what_it_skipped(
    invoke: Invoke,
) -> None:
    await invoke("pause", *REASON)
    result = await invoke("check", "--json", AMQP_URL="amqp://guest:guest@127.0.0.1:1/")
    status = {row["subject"]: row["status"] for row in map(json.loads, result.output.splitlines())}

    assert status == {
        **dict.fromkeys(("database", "durability", "clock", "dead letters"), "ok"),
        **dict.fromkeys(("partitions", "rights", "topology", "policies"), "skipped"),
        "broker": "failed",
        "intake": "warning",
    }


async def test_check_names_what_it_skipped_while_the_database_is_away(invoke: Invoke) -> None:
    lines = (await invoke("check", DATABASE_URL=AWAY)).output.splitlines()

    for subject in ("durability", "clock", "partitions", "rights", "intake", "dead letters"):
        assert f"skipped {subject}: it needs the database; see above." in lines
