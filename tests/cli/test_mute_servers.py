"""A server answers a part of a command and then nothing, on open connections: the command ends."""

import asyncio
import json
from typing import Final, NamedTuple

import click
import pytest
from click.testing import Result

from tests.support.command_line import Invoke
from tests.support.faults.mute import Points, each_range_of_points, short_limits, until_alone
from tests.support.faults.proxy import Proxy, proxied
from tests.support.faults.wire import PostgresProtocol
from tests.support.quick import parametrize_quick
from worker.cli import main
from worker.cli.exits import Exit
from worker.local import PrivateServers

__all__ = ["short_limits"]

PATIENCE_SECONDS = 90
NUMBER = "+442079460001"
SEND = ("send", "activate", NUMBER, "--account", "acme", "--site", "london")
REASON = ("--by", "Ada", "--why", "a test")
RECORD = {"kind": "voice_service", "service_id": "s", "account_id": "acme"}
RECORDS = json.dumps({**RECORD, "account_kind": "occupier", "site_id": "london", "quantity": 1})

VARIABLES = {"database": "DATABASE_URL", "broker": "AMQP_URL"}
BLAMED = {"database": "PostgreSQL cannot be used", "broker": "RabbitMQ cannot be used"}


class Case(NamedTuple):
    """A command that uses servers, and its exit code if they answer."""

    line: tuple[str, ...]
    servers: tuple[str, ...]
    code: Exit = Exit.DONE


CASES = (
    Case(("check",), ("database", "broker")),
    Case(("topology",), ("broker",)),
    Case(("migrate",), ("database",)),
    Case(("import", "-"), ("database",)),
    Case(SEND, ("broker",)),
    Case((*SEND, "--wait", "--timeout", "0.2"), ("broker",), Exit.TIMED_OUT),
    Case(("show", NUMBER), ("database",), Exit.NOT_FOUND),
    Case(("entitlements",), ("database",)),
    Case(("pending",), ("database",)),
    Case(("resolve", NUMBER, "--as", "retry", *REASON), ("database",), Exit.NOT_FOUND),
    Case(("partitions",), ("database", "broker")),
    Case(("partitions", "2", "--wait", "1"), ("database", "broker")),
    Case(("outbox", "list"), ("database",)),
    Case(("outbox", "retry", "--all", *REASON), ("database",)),
    Case(("outbox", "discard", "1", *REASON), ("database",), Exit.NOT_FOUND),
    Case(("reconcile", "-"), ("database",), Exit.DIFFERENT),
    Case(("republish", "--all"), ("database", "broker"), Exit.NOT_FOUND),
    Case(("manual-logouts",), ("database",)),
    Case(("manual-logouts", "close", NUMBER, "fax", *REASON), ("database",), Exit.NOT_FOUND),
    Case(("dead-letters", "list"), ("broker",)),
    Case(("dead-letters", "show", "0123456789"), ("broker",), Exit.NOT_FOUND),
    Case(("dead-letters", "replay", "--all", *REASON), ("database", "broker")),
    Case(("dead-letters", "discard", "--all", "--yes", *REASON), ("database", "broker")),
    Case(("pause", *REASON), ("database",)),
    Case(("resume", *REASON), ("database",)),
    Case(("acts",), ("database",)),
    Case(("retention",), ("database",)),
)
QUICK: Final = 7
"""The first cases: a command with both servers, some with one, and one that reads records."""
WITHOUT_SERVERS = {"contracts"}
WORKERS = {"run", "standalone"}
"""They wait for servers; `tests/app/test_mute_servers.py`."""


@pytest.fixture
def proxy(server: str, database_proxy: Proxy, broker_proxy: Proxy) -> Proxy:
    """The proxy of this server."""
    return {"database": database_proxy, "broker": broker_proxy}[server]


def test_every_command_that_uses_servers_is_tried() -> None:
    tried = {case.line[0] for case in CASES}

    assert tried == {*main.commands} - WITHOUT_SERVERS - WORKERS
    for group in ("outbox", "dead-letters"):
        subcommands = main.commands[group]
        assert isinstance(subcommands, click.Group)
        assert {case.line[1] for case in CASES if case.line[0] == group} == {*subcommands.commands}


async def codes_of(
    line: tuple[str, ...],
    invoke: Invoke,
    proxy: Proxy,
    server: str,
    points: Points,
    database_url: str,
) -> list[int]:
    """The exit codes of the command at each point, and at last one that meets no mute server."""
    codes = []
    for point in points():
        proxy.mute_after(point)
        running = invoke(*line, given=RECORDS, **{VARIABLES[server]: proxy.url})
        result = await asyncio.wait_for(running, PATIENCE_SECONDS)
        is_mute = proxy.muted.is_set()
        proxy.unmute()
        proxy.cut()
        await until_alone(database_url)
        codes.append(result.exit_code)
        if not is_mute:
            break
        _assert_explained(result, server)
    return codes


@each_range_of_points
@parametrize_quick(
    "case, server",
    [(case, server) for case in CASES for server in case.servers],
    quick=QUICK,
    ids=lambda value: " ".join(value.line) if isinstance(value, Case) else value,
)
@pytest.mark.usefixtures("short_limits")
async def test_command_ends_when_a_server_goes_mute(
    invoke: Invoke, proxy: Proxy, server: str, case: Case, points: Points, database_url: str
) -> None:
    codes = await codes_of(case.line, invoke, proxy, server, points, database_url)

    assert codes[0] == Exit.UNAVAILABLE
    # Once all answers have come, only the close of the connection is left without one.
    unavailable = [code for code in codes if code == Exit.UNAVAILABLE]
    assert codes == [*unavailable, *[case.code] * (len(codes) - len(unavailable))]
    assert codes[-1] == case.code


@each_range_of_points
@pytest.mark.usefixtures("short_limits")
async def test_migrate_ends_when_the_server_goes_mute_during_a_long_statement(
    invoke: Invoke, servers: PrivateServers, points: Points
) -> None:
    url = await servers.postgresql.create_database("mute")
    try:
        async with proxied(url, PostgresProtocol) as proxy:
            codes = await codes_of(("migrate",), invoke, proxy, "database", points, url)
    finally:
        await servers.postgresql.drop_database("mute")

    assert codes == [*[Exit.UNAVAILABLE] * (len(codes) - 1), Exit.DONE]


def _assert_explained(result: Result, server: str) -> None:
    assert "Traceback" not in result.output
    if result.exit_code == Exit.UNAVAILABLE:
        blamed = {name for name, sentence in BLAMED.items() if sentence in result.output}
        assert blamed == {server}, result.output
