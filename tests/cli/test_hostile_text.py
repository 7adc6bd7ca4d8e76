"""No command prints text of others as it is: it could control a terminal or forge a line."""

import asyncio
import json
import re
from collections.abc import Sequence
from pkgutil import resolve_name

import aio_pika
import pytest
from activation_contracts.values import Step
from asyncpg import UndefinedTableError
from click.testing import CliRunner

from tests.support.command_line import Invoke
from tests.support.data.inserts import (
    call_settings,
    commands,
    handset_login,
    hunt_group_member,
    manual_logout,
    operation,
    outbox_message,
    phone_numbers,
    voice_service,
)
from tests.support.platform import DEAD_LETTERS, Platform
from tests.support.workers import rows, store, working
from worker.cli import main
from worker.cli.error_messages import EXPLANATIONS, explained
from worker.cli.exits import fail
from worker.local import ServerUnavailable
from worker.operator.importing.jsonl import ImportRefused
from worker.settings import Settings, SettingsError
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"
PLACE = ("--account", "acme", "--site", "london")
HOSTILE = (
    "Ada"
    "\x1b[2J\x1b[5m"  # clears the screen, blinks
    "\x1b]0;title\x07"  # sets the title of the window
    "\x1bP+q544e\x1b\\"  # asks the terminal to answer
    "\x9b2J"  # the same in one byte
    "\x08\x7f"
    "\nFORGED 1"
    "\r\nFORGED 2"
    "\x85FORGED 3\u2028FORGED 4"
    "\u202egnp.exe\u2066\u2069"
    "\x0bFORGED 5"
)
COLOURS = re.compile(r"\x1b\[(0|1|3[0-7])m")
"""The colours that the commands use themselves."""
HEADERS = (
    *("x-error-code", "x-error-detail", "x-failed-at"),
    *("x-original-exchange", "x-original-routing-key"),
)

SITE = (
    voice_service(2),
    phone_numbers(
        NUMBER,
        status="PENDING",
        extension=HOSTILE,
        label=HOSTILE,
        assigned_to=HOSTILE,
    ),
    call_settings(NUMBER, hunt_group_id=HOSTILE),
    hunt_group_member(NUMBER, HOSTILE),
    handset_login(NUMBER, HOSTILE, "digital"),
    operation(
        NUMBER, command_id=f"{HOSTILE}", failure_code="DEADLINE_PASSED", failure_detail=HOSTILE
    ),
    outbox_message(
        NUMBER,
        holds_operation=True,
        routing_key=HOSTILE,
        last_error=HOSTILE,
        attempts=1,
        next_attempt_at="2030-01-01T00:00Z",
    ),
    commands(
        1,
        "command",
        phone_number=NUMBER,
        requested_by=HOSTILE,
        outcome="failed",
        failure="GIVEN_UP",
        detail=HOSTILE,
    ),
    f"""INSERT INTO pbx_steps (
        step_id, phone_number, command_source, command_id, step, state, attempt, last_result,
        requested_at, message_type, exchange, routing_key, correlation_id, must_be_routed, body
    ) VALUES (
        'step-1', '{NUMBER}', '/tests', 'command-1', 'activation', 'open', 1, '{HOSTILE}', now(),
        'type', 'exchange', 'key', 'command-1', true, ''
    )""",
    manual_logout(
        NUMBER,
        HOSTILE,
        extension=HOSTILE,
        account_id=HOSTILE,
        site_id=HOSTILE,
        command_id=HOSTILE,
    ),
    manual_logout(
        NUMBER, HOSTILE, closed_at="2026-01-01T00:00Z", closed_by=HOSTILE, reason=HOSTILE
    ),
    f"""WITH recorded AS (
        INSERT INTO acts (decided_at, act, decided_by, reason, detail)
        VALUES (now(), 'resolve', '{HOSTILE}', '{HOSTILE}', '{HOSTILE}') RETURNING place
    )
    INSERT INTO act_items (act, subject, item, detail)
    SELECT place, '{NUMBER}', '{HOSTILE}', '{HOSTILE}' FROM recorded""",
    f"UPDATE intake SET paused_at = now(), paused_by = '{HOSTILE}', reason = '{HOSTILE}'",
)


def assert_harmless(output: str) -> None:
    """Asserts that every character is printable, and that no line is forged."""
    for line in COLOURS.sub("", output).split("\n"):
        assert line.isprintable(), ascii(line)
        assert not line.startswith("FORGED"), output


async def in_colour(environment: dict[str, str], *arguments: str, given: str | None = None) -> str:
    """The output of a command on a terminal: `CliRunner` removes escape sequences otherwise."""
    result = await asyncio.to_thread(
        CliRunner().invoke, main, arguments, input=given, env=environment, color=True
    )
    assert not isinstance(result.exception, Exception), result.exception
    return result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", NUMBER),
        ("pending",),
        ("entitlements",),
        ("outbox", "list"),
        ("manual-logouts", "--all"),
        ("manual-logouts", "close", NUMBER, HOSTILE, "--by", "Ada", "--why", "done"),
        ("manual-logouts", "close", HOSTILE, HOSTILE, "--by", "Ada", "--why", "done"),
        ("resolve", NUMBER, "--as", "done", "--by", HOSTILE, "--why", HOSTILE),
        ("resolve", HOSTILE, "--as", "done", "--by", "Ada", "--why", "?"),
        ("show", HOSTILE),
        ("send", "activate", HOSTILE, *PLACE),
        ("dead-letters", "show", HOSTILE),
        ("partitions",),
        ("acts",),
        ("check",),
        ("pause", "--by", HOSTILE, "--why", HOSTILE),
        ("resume", "--by", HOSTILE, "--why", HOSTILE),
    ],
    ids=lambda arguments: " ".join(arguments[:2]).encode("unicode_escape").decode()[:24],
)
async def test_commands_escape_text_of_others(
    arguments: Sequence[str],
    environment: dict[str, str],
    database: Database,
    platform: Platform,
) -> None:
    assert platform.events == []
    await store(database, *SITE)

    output = await in_colour(environment, *arguments)

    assert output
    assert_harmless(output)


@pytest.mark.parametrize(
    "arguments",
    [("show", NUMBER), ("pending",), ("outbox", "list"), ("manual-logouts", "--all"), ("acts",)],
)
async def test_json_output_is_printable_and_complete(
    arguments: Sequence[str], environment: dict[str, str], database: Database
) -> None:
    await store(database, *SITE)

    output = await in_colour(environment, *arguments, "--json")

    assert_harmless(output)
    assert json.dumps(HOSTILE)[1:-1].replace("\x7f", "\\u007f") in output
    assert HOSTILE in str(json.loads(output)) or repr(HOSTILE)[1:-1] in str(json.loads(output))


async def test_dead_letters_escape_headers_and_bodies(
    environment: dict[str, str], invoke: Invoke, platform: Platform
) -> None:
    message = aio_pika.Message(
        f"{HOSTILE}\x00\ud7ff".encode() + b"\xff",
        type=HOSTILE,
        message_id=HOSTILE,
        headers=dict.fromkeys(HEADERS, HOSTILE),
    )
    await platform.channel.default_exchange.publish(message, DEAD_LETTERS)
    async with asyncio.timeout(90):
        while not (listed := json.loads((await invoke("dead-letters", "list", "--json")).stdout)):
            await asyncio.sleep(0.05)

    (letter,) = listed
    assert_harmless(await in_colour(environment, "dead-letters", "list"))
    assert_harmless(await in_colour(environment, "dead-letters", "show", letter["key"]))


async def test_send_escapes_what_events_say(
    environment: dict[str, str], database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    awaiting = settings.model_copy(update={"awaited_steps": frozenset({Step.ACTIVATION})})
    wanted = ("--requested-by", f"{HOSTILE}"[:128], "--id", "one", "--wait", "--timeout", "30")
    async with working(database, awaiting):
        sending = asyncio.create_task(
            in_colour(environment, "send", "activate", NUMBER, *PLACE, *wanted)
        )
        await platform.until(lambda: platform.events)
        await platform.answer(
            platform.events[0]["id"], "refused", code=HOSTILE[:128], detail=HOSTILE
        )
        output = await sending

    assert "FAILED" in output
    assert_harmless(output)
    assert "\\x1b[2J" in output


async def test_a_preview_escapes_what_it_says_of_devices_and_groups(
    environment: dict[str, str], database: Database, settings: Settings
) -> None:
    await store(
        database,
        voice_service(1),
        phone_numbers(NUMBER, status="ACTIVE"),
        hunt_group_member(NUMBER, HOSTILE),
        handset_login(NUMBER, HOSTILE, "digital"),
        handset_login(NUMBER, f"{HOSTILE}2", "analogue"),
    )
    async with working(database, settings):
        output = await in_colour(environment, "send", "deactivate", NUMBER, *PLACE, "--preview")

    lines = [line for line in output.split("\n") if "\\x1b[2J" in line]
    assert len(lines) == 3
    assert_harmless(output)


async def test_import_escapes_what_it_quotes(
    environment: dict[str, str], database: Database
) -> None:
    assert await rows(database, "SELECT 1 FROM phone_numbers") == []
    lines = [{"kind": "phone_number", HOSTILE: 1}, {"kind": HOSTILE}]
    given = "\n".join(json.dumps(line) for line in lines)

    output = await in_colour(environment, "import", "-", given=given)

    assert "line 1: " in output
    assert_harmless(output)


# They have lines of their own. One quotes the environment of the person who reads it; the other
# indents the log of a private server.
OF_OUR_OWN_LINES = {SettingsError, ServerUnavailable}
KINDS: list[type[Exception]] = [resolve_name(name) for name, _, _ in EXPLANATIONS]
QUOTING = [kind for kind in KINDS if kind not in OF_OUR_OWN_LINES]


@pytest.mark.parametrize("name", [name for name, _, _ in EXPLANATIONS])
def test_the_module_that_names_an_error_is_loaded_when_the_error_can_be_raised(name: str) -> None:
    module = name.rpartition(".")[0]

    assert f"{resolve_name(name).__module__}.".startswith(f"{module}.")


@pytest.mark.parametrize("kind", QUOTING, ids=lambda kind: kind.__name__)
def test_errors_that_quote_a_server_or_a_client_are_escaped(
    kind: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    error = ImportRefused.of(1, HOSTILE) if kind is ImportRefused else kind(HOSTILE)
    explanation = explained(error)
    assert explanation is not None

    with pytest.raises(SystemExit):
        fail(*explanation)

    assert_harmless(capsys.readouterr().err)


def test_an_error_of_an_old_schema_is_escaped() -> None:
    error = UndefinedTableError(HOSTILE)

    explanation = explained(error)

    assert explanation is not None
    assert_harmless(explanation[1])
