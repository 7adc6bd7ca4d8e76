"""The log: its records, its formats, and the secrets that it masks."""

import asyncio
import io
import json
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO, TextIO

import pytest

from worker.broker.connecting.connection import BrokerUnavailable, connect
from worker.local import PrivateServers
from worker.telemetry.logs import Action, configure, get_logger


@pytest.fixture
def terminal() -> Iterator[tuple[TextIO, BinaryIO]]:
    """A pseudo-terminal: the end that the program writes to, and the end that is displayed."""
    screen, program = os.openpty()
    with os.fdopen(program, "w") as written, os.fdopen(screen, "rb", buffering=0) as seen:
        yield written, seen


def _records(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def _fail(message: str) -> None:
    raise ConnectionError(message)


def test_logger_writes_one_json_object_per_line_with_action_and_utc_time() -> None:
    stream = io.StringIO()
    configure(stream, format="auto", level="info")

    get_logger().info(Action.COMMAND_ACCEPTED, phone_number="+441632960001", command_id="c\n1")

    (record,) = _records(stream)
    assert list(record)[:3] == ["timestamp", "level", "action"]
    assert record["action"] == "command_accepted"
    assert record["level"] == "info"
    assert record["phone_number"] == "+441632960001"
    assert record["command_id"] == "c\n1"
    assert datetime.fromisoformat(str(record["timestamp"])).tzinfo == UTC


def test_logger_writes_colours_to_a_terminal(terminal: tuple[TextIO, BinaryIO]) -> None:
    written, seen = terminal
    configure(written, format="auto", level="info")

    get_logger().warning(Action.BROKER_LOST, reason="refused")

    line = seen.read(4096)
    assert b"\x1b[" in line
    assert b"broker_lost" in line


def test_logger_writes_no_colours_to_a_file() -> None:
    file = io.StringIO()
    configure(file, format="pretty", level="info")

    get_logger().warning(Action.BROKER_LOST, reason="refused")

    assert "\x1b[" not in file.getvalue()
    assert "broker_lost" in file.getvalue()


def test_logger_writes_json_to_a_terminal_if_asked(terminal: tuple[TextIO, BinaryIO]) -> None:
    written, seen = terminal
    configure(written, format="json", level="info")

    get_logger().info(Action.WORKER_STOPPING)

    assert json.loads(seen.read(4096))["action"] == "worker_stopping"


def test_logger_drops_records_below_the_level() -> None:
    stream = io.StringIO()
    configure(stream, format="json", level="warning")

    get_logger().info(Action.WORKER_STOPPING)

    assert stream.getvalue() == ""


def test_configure_names_an_unknown_level() -> None:
    with pytest.raises(ValueError, match="'loud' is not a log level"):
        configure(io.StringIO(), format="json", level="loud")


def test_logger_adds_bound_fields_to_every_record() -> None:
    stream = io.StringIO()
    configure(stream, format="json", level="info")

    get_logger().bind(command_id="c-1").info(Action.COMMAND_COMPLETED)

    assert _records(stream)[0]["command_id"] == "c-1"


def test_log_contains_warnings_of_libraries_but_not_their_infos() -> None:
    stream = io.StringIO()
    configure(stream, format="json", level="debug")

    logging.getLogger("aiormq.connection").info("never shown")
    logging.getLogger("aiormq.connection").warning("lost %s", "amqp://worker:hunter2@host/")

    (record,) = _records(stream)
    assert record["action"] == "library_message"
    assert record["logger"] == "aiormq.connection"
    assert record["level"] == "warning"
    assert record["message"] == "lost amqp://worker:***@host/"


async def test_log_leaves_out_what_the_amqp_library_raises_as_well(
    servers: PrivateServers, amqp_url: str
) -> None:
    stream = io.StringIO()
    configure(stream, format="json", level="debug")
    with pytest.raises(BrokerUnavailable):
        await connect(["amqp://127.0.0.1:1/"])
    async with await connect([amqp_url]) as connection:
        closed = asyncio.Event()
        connection.close_callbacks.add(lambda *_: closed.set())
        name = amqp_url.rsplit("/", 1)[1]
        await servers.rabbitmq.control("close_all_connections", "--vhost", name, "a test")
        await asyncio.wait_for(closed.wait(), 10)

    assert _records(stream) == []


@pytest.mark.parametrize("chosen", ["json", "pretty"])
def test_logger_writes_tracebacks_without_passwords_and_local_variables(chosen: str) -> None:
    stream = io.StringIO()
    configure(stream, format="json" if chosen == "json" else "pretty", level="info")

    try:
        _fail("cannot reach postgresql://worker:hunter2@host/name")
    except ConnectionError:
        get_logger().error(Action.UNEXPECTED_ERROR, exc_info=True)

    assert "ConnectionError" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


HOSTILE = "a\x1b[2J\x1b]0;x\x07\x9b2J\x7f\nFORGED 1\x85FORGED 2\u2028FORGED 3\u202egnp"


@pytest.mark.parametrize("chosen", ["json", "pretty"])
@pytest.mark.parametrize("text", [HOSTILE, HOSTILE.replace(" ", "")])
def test_log_escapes_control_characters_in_text_of_others(text: str, chosen: str) -> None:
    stream = io.StringIO()
    configure(stream, format="json" if chosen == "json" else "pretty", level="info")

    get_logger().info(Action.COMMAND_ACCEPTED, command_id=text, names=[text])
    logging.getLogger("aiormq.connection").warning("lost %s", text)
    try:
        _fail(text)
    except ConnectionError:
        get_logger().error(Action.UNEXPECTED_ERROR, exc_info=True)

    lines = stream.getvalue().split("\n")
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("FORGED") for line in lines)
    assert "ConnectionError" in stream.getvalue()


def test_masking_leaves_nested_values_valid_json() -> None:
    stream = io.StringIO()
    configure(stream, format="json", level="info")

    get_logger().info(
        Action.WORKER_STARTED,
        urls=["amqp://u:hunter2", "x@y", "amqp://u:hunter2@h", "password=hunter2"],
    )

    (record,) = _records(stream)
    assert record["urls"] == ["amqp://u:hunter2", "x@y", "amqp://u:***@h", "password=***"]


def test_action_values_are_their_names_in_lower_case() -> None:
    assert all(action.value == action.name.lower() for action in Action)
