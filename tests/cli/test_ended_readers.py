"""Every command ends quietly when the reader of its output has ended, as `head -1` does."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
import pytest

from tests.support.command_line import Invoke, commands
from tests.support.data.inserts import (
    manual_logout,
    operation,
    outbox_message,
    phone_numbers,
    voice_service,
)
from tests.support.installed_command import COMMAND
from tests.support.workers import store
from worker.cli import main
from worker.cli.exits import Exit
from worker.storage.connecting.engine import Database

NUMBERS: Final = ("+442079460001", "+442079460002")
BY_ADA: Final = ("--by", "Ada", "--why", "a test")
RECORDS: Final = "records.jsonl"
RECORDS_HELD: Final = (
    voice_service(2),
    phone_numbers(NUMBERS[0]),
    phone_numbers(NUMBERS[1], status="PENDING"),
    operation(NUMBERS[1]),
    manual_logout(NUMBERS[0]),
    outbox_message(NUMBERS[0], attempts=1, next_attempt_at="2030-01-01", last_error="refused"),
    outbox_message(
        NUMBERS[0], message_id="message-2", attempts=3, next_attempt_at="infinity", last_error="odd"
    ),
)
PARKED_POSITION: Final = "2"

CALLS: Final[Mapping[str, tuple[str, ...]]] = {
    "acts": (),
    "check": (),
    "contracts export": ("exported",),
    "dead-letters discard": ("--all", "--yes", *BY_ADA),
    "dead-letters list": (),
    "dead-letters replay": ("--all", *BY_ADA),
    "dead-letters show": ("--all",),
    "entitlements": (),
    "import": (RECORDS,),
    "manual-logouts": (),
    "manual-logouts close": (NUMBERS[0], "fax", *BY_ADA),
    "migrate": (),
    "outbox discard": (PARKED_POSITION, *BY_ADA),
    "outbox list": (),
    "outbox retry": ("--all", *BY_ADA),
    "partitions": (),
    "pause": BY_ADA,
    "pending": (),
    "reconcile": (RECORDS,),
    "republish": ("--all",),
    "resolve": (NUMBERS[1], "--as", "retry", *BY_ADA),
    "resume": BY_ADA,
    "retention": (),
    "send": ("activate", NUMBERS[0], "--account", "acme", "--site", "london"),
    "show": (NUMBERS[0],),
    "topology": (),
}
"""A call of each command; `run` and `standalone` go on without a reader."""
SILENT_HERE: Final = {"dead-letters show"}
"""It prints letters alone, and here there are none."""


def test_the_table_calls_every_command_that_ends() -> None:
    assert commands(main) - {"run", "standalone"} == CALLS.keys()


@pytest.fixture
def records_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of one record in the current folder."""
    record = '{"kind": "phone_number", "phone_number": "+442079460009", "site_id": "london"}'
    (tmp_path / RECORDS).write_text(f"{record}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("lines_read", [0, 1])
@pytest.mark.usefixtures("records_file")
async def test_a_command_ends_quietly_when_the_reader_of_its_output_has_ended(
    invoke: Invoke, database: Database, monkeypatch: pytest.MonkeyPatch, lines_read: int
) -> None:
    await store(database, *RECORDS_HELD)
    printed: list[str] = []
    print_line = click.echo

    def print_until_the_reader_ends(text: str, *, err: bool = False, **options: Any) -> None:
        if not err:
            printed.append(text)
            if len(printed) > lines_read:
                raise BrokenPipeError
        print_line(text, err=err, **options)

    monkeypatch.setattr(click, "echo", print_until_the_reader_ends)
    ended = {}
    for name, arguments in CALLS.items():
        printed.clear()
        result = await invoke(*name.split(), *arguments)
        assert "Error" not in result.stderr, (name, result.stderr)
        ended[name] = (len(printed) > lines_read, result.exit_code == Exit.BROKEN_PIPE)

    assert all(broken == quiet for broken, quiet in ended.values()), ended
    if not lines_read:
        assert {name for name, (broken, _) in ended.items() if not broken} == SILENT_HERE


async def test_the_installed_command_ends_quietly_in_a_pipe_without_a_reader(
    environment: dict[str, str], database: Database
) -> None:
    await store(database, *RECORDS_HELD)
    reads, writes = os.pipe()
    os.close(reads)
    try:
        process = await asyncio.create_subprocess_exec(
            COMMAND,
            "entitlements",
            env={**os.environ, **environment},
            stdout=writes,
            stderr=asyncio.subprocess.PIPE,
        )
    finally:
        os.close(writes)
    _, told = await process.communicate()

    assert (process.returncode, told) == (Exit.BROKEN_PIPE, b"")
