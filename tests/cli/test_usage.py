"""Wrong usage of the command line: each mistake gets a sentence that says what to do."""

import asyncio
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from tests.support.data.records import service
from tests.support.quick import parametrize_quick
from worker.cli import main
from worker.cli.exits import Exit
from worker.operator import show

NOWHERE = {
    "AMQP_URL": "amqp://guest:hidden@127.0.0.1:1/",
    "DATABASE_URL": "postgresql://somebody:hidden@127.0.0.1:1/none",
}
VOICE_SERVICE = json.dumps(service())
SEND = ("send", "activate", "+442079460001", "--account", "acme", "--site", "london")

REASON = ("--by", "Ada", "--why", "done")
CLOSE = ("close", "+442079460001", "fax", *REASON)


def run(*arguments: str, given: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, input=given, env={**NOWHERE, **environment})


def test_help_names_every_exit_code() -> None:
    output = run("--help").output

    assert all(f"  {code.value:>2}  " in output for code in Exit)


@pytest.mark.parametrize(
    "command",
    [
        *main.commands,
        "dead-letters replay",
        "dead-letters show",
        "contracts export",
        "manual-logouts close",
    ],
)
def test_every_command_prints_help_without_servers(command: str) -> None:
    result = run(*command.split(), "--help")

    assert result.exit_code == Exit.DONE
    assert "Usage:" in result.output


LIBRARIES = frozenset(
    {"aio_pika", "aiohttp", "alembic", "asyncpg", "prometheus_client", "pydantic", "sqlalchemy"}
)


@parametrize_quick(
    "modules, used",
    [
        ("worker.cli, worker.cli.error_messages", set()),
        ("worker.cli.error_messages, worker.operator.send", {"aio_pika", "pydantic"}),
        (
            "worker.cli.error_messages, worker.operator.show",
            {"asyncpg", "prometheus_client", "pydantic", "sqlalchemy"},
        ),
    ],
    quick=2,
    ids=["--help", "send", "show"],
)
def test_commands_load_only_the_libraries_that_they_use(modules: str, used: set[str]) -> None:
    code = f"import sys, {modules}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )

    assert LIBRARIES & {*result.stdout.split()} == used


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("dance",), "No such command 'dance'"),
        (("send", "activate"), "Missing argument 'NUMBER'"),
        (("send", "dance", "+442079460001"), "'dance' is not one of"),
        ((*SEND[:3], "--account", "acme"), "Missing option '--site'"),
        ((*SEND, "--timeout", "-1"), "-1.0 is not in the range"),
        (("send", "activate", "0207", *SEND[3:]), "phone_number: write numbers like"),
        ((*SEND[:5], "--site", "lon don"), "site_id: String should match"),
        (("import", "/nowhere/records.jsonl"), "No such file or directory"),
        (("dead-letters", "show"), "Name keys"),
        (("dead-letters", "replay", *REASON), "Name keys"),
        (("dead-letters", "replay", "--all", "0123", *REASON), "Name keys"),
        (("dead-letters", "replay", "--all", "--reason", "NOT_JSON", *REASON), "Name keys"),
        (("dead-letters", "discard", "--yes", *REASON), "Name keys"),
        (("dead-letters", "replay", "--all"), "Missing option '--by'"),
        (("outbox", "retry", "--all", "--by", "Ada"), "Missing option '--why'"),
        (("pause", "--by", " ", "--why", "maintenance"), "Invalid value for '--by'"),
        (("retention", "--now", *REASON), "--now needs --days, --by and --why"),
        (("retention", "--now", "--days", "90", "--by", "Ada"), "--now needs --days, --by and"),
        (("retention", "--days", "29"), "29 is not in the range"),
        (("retention", *REASON), "belong to --now"),
        (("manual-logouts", "close", "+442079460001"), "Missing argument 'DEVICE'"),
        (("manual-logouts", "close", "+442079460001", "fax"), "Missing option '--by'"),
        (("manual-logouts", "--all", *CLOSE), "options of the list"),
        (("dead-letters", "list", "--limit", "0"), "0 is not in the range"),
        (("republish",), "Choose one: --number N, --account A --site S, --site S, or --all."),
        (("republish", "--account", "acme"), "Choose one"),
        (("republish", "--all", "--site", "london"), "Choose one"),
        (("republish", "--number", "+442079460001", "--site", "london"), "Choose one"),
        (("republish", "--number", "0207"), "--number: write numbers like"),
        (("republish", "--site", "lon don"), "--site: String should match"),
    ],
)
def test_commands_explain_wrong_usage(arguments: tuple[str, ...], problem: str) -> None:
    result = run(*arguments)

    assert result.exit_code == Exit.USAGE
    assert problem in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("migrate",),
        ("topology",),
        ("import", "-"),
        SEND,
        ("show", "+442079460001"),
        ("pending",),
        ("manual-logouts",),
        ("manual-logouts", "--json"),
        ("dead-letters", "list"),
        ("republish", "--all"),
        ("check",),
    ],
)
def test_commands_name_an_unreachable_server_without_a_traceback(
    arguments: tuple[str, ...],
) -> None:
    result = run(*arguments, given=VOICE_SERVICE)

    assert result.exit_code == Exit.UNAVAILABLE
    assert "cannot be used" in result.output
    assert "Traceback" not in result.output
    assert "hidden" not in result.output


def test_unknown_setting_exits_with_its_own_code() -> None:
    result = run("migrate", WORKER_COLOUR="blue")

    assert result.exit_code == Exit.SETTINGS
    assert "WORKER_COLOUR is not a setting" in result.output


def test_import_finds_invalid_records_before_it_connects() -> None:
    result = run("import", "-", given='{"kind": "voice_service"}\n')

    assert result.exit_code == Exit.INVALID_DATA
    assert (
        "Nothing was imported. Correct these lines:\nline 1: service_id: Field required"
        in result.output
    )


def test_contracts_export_writes_files(tmp_path: object) -> None:
    result = run("contracts", "export", f"{tmp_path}/new")

    assert result.exit_code == Exit.DONE
    assert "telephony.phone_number.activate.v1" in result.output


@pytest.mark.parametrize("defect", [RuntimeError, asyncio.CancelledError])
def test_a_defect_exits_with_its_own_code_and_a_traceback_without_secrets(
    monkeypatch: pytest.MonkeyPatch, defect: type[BaseException]
) -> None:
    async def fail(_: object) -> None:
        raise defect("amqp://guest:hidden@127.0.0.1/")

    monkeypatch.setattr(show, "show_pending", fail)
    result = run("pending")

    assert result.exit_code == Exit.DEFECT
    assert "Traceback" in result.output
    assert defect.__name__ in result.output
    assert "hidden" not in result.output


def test_ctrl_c_exits_like_in_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(show, "show_pending", interrupt)
    result = run("pending")

    assert (result.exit_code, result.output) == (Exit.INTERRUPTED, "")


def test_export_names_a_folder_that_cannot_be_written() -> None:
    result = run("contracts", "export", "/dev/null/folder")

    assert result.exit_code == Exit.INPUT_OUTPUT
    assert "cannot be written: [Errno 20] Not a directory: '/dev/null/folder'" in result.output
