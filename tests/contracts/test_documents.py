"""The documents: generated tables are current, examples are valid, programs run."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import aio_pika
import pytest
from activation_contracts.catalogue import (
    COMMAND_EXCHANGE,
    COMMANDS,
    EVENT_EXCHANGE,
    routing_key_of,
)
from activation_contracts.messages import Command, PublishedMessage
from activation_contracts.reading import ReadErrorCode, read
from activation_contracts.tables import DOCUMENTS, READ_ERROR_MEANINGS, TABLES, rewrite, with_tables
from activation_contracts.values import CallTarget, NumberStatus, Step, StepResult

from tests.support.data.builders import AWAITING_ALL
from tests.support.faults.links import broken_links, documents_of
from tests.support.stories.course import Course
from tests.support.workers import store, until_leading, working
from worker.core.situation import MainNumber, Number
from worker.settings import Settings
from worker.storage.connecting.engine import Database

WEB_TIER = DOCUMENTS / "web-tier.md"
PAGES = sorted(DOCUMENTS.glob("*.md"))
REPOSITORY = DOCUMENTS.parents[1]
DOCUMENTS_OF_THE_REPOSITORY = documents_of(REPOSITORY)
TIMEOUT_SECONDS = 60

SITE = """
    INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london-1', 1)
"""
RESERVED = """
    INSERT INTO phone_numbers (phone_number, site_id, account_id, status)
    VALUES ('+442079460201', 'london-1', 'acme', 'RESERVED')
"""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_generated_tables_are_current(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text == with_tables(text, TABLES), "run `python -m activation_contracts.tables`"


def test_rewrite_changes_only_the_marked_place(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: refusals -->\nstale\n<!-- end of table -->\nafter\n")

    assert rewrite([page], TABLES) == [page]

    assert page.read_text() == (
        f"before\n<!-- table: refusals -->\n{TABLES['refusals']()}<!-- end of table -->\nafter\n"
    )


def test_every_table_stands_in_a_document() -> None:
    shown = {
        name
        for page in PAGES
        for name in re.findall(r"<!-- table: (.*?) -->", page.read_text(encoding="utf-8"))
    }

    assert shown == {*TABLES}


def test_every_read_error_has_a_meaning() -> None:
    assert [*READ_ERROR_MEANINGS] == [*ReadErrorCode]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_json_examples_are_valid_json(page: Path) -> None:
    assert [json.loads(block) for block in blocks(page, "json")]


def test_the_example_command_is_readable() -> None:
    assert read(blocks(WEB_TIER, "json")[0].encode(), None, COMMANDS).data.site_id == "london-1"


@pytest.mark.parametrize(
    "page", DOCUMENTS_OF_THE_REPOSITORY, ids=lambda page: str(page.relative_to(REPOSITORY))
)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page, REPOSITORY) == []


def test_the_documents_of_every_folder_are_checked() -> None:
    folders = {page.parent for page in DOCUMENTS_OF_THE_REPOSITORY}

    assert {REPOSITORY, DOCUMENTS, REPOSITORY / "worker" / "docs"} <= folders


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "other.md").write_text("# The `a_b` of *it*: what, why?\n\n## Again\n")
    page = tmp_path / "page.md"
    page.write_text(
        """# A [link](folder)

## Again
## Again

[1](folder/other.md#the-a_b-of-it-what-why) [2](#again-1) [3](#a-link) [4](https://x.org/none)
[5](folder/) [6](/folder/other.md "Title") `[7](in-code.md)` [8]: folder/other.md#again
![9](none.svg) [10](folder/other.md#none) [11](#again-2) [12](other.md) [13](/none.md)
[14](folder#again) [15](../beyond.md) <a href="none.html">16</a> [17](<none here.md>)

```
# Not a heading
[18](in-a-block.md)
```

[19](#not-a-heading)

[20]: folder/none.md
"""
    )
    (tmp_path.parent / "beyond.md").touch()

    assert broken_links(page, tmp_path) == [
        "none.svg",
        "folder/other.md#none",
        "#again-2",
        "other.md",
        "/none.md",
        "folder#again",
        "../beyond.md",
        "none here.md",
        "#not-a-heading",
        "folder/none.md",
        "none.html",
    ]


async def test_the_example_program_prints_pending_and_active(
    database: Database, settings: Settings, amqp_url: str
) -> None:
    await store(database, SITE, RESERVED)
    async with working(database, settings) as worker:
        await until_leading(worker)
        lines = await program_output(amqp_url)

    assert lines == ["PENDING sequence 1", "ACTIVE sequence 2"]


async def test_the_example_program_reports_the_failure_when_the_pbx_is_silent(
    database: Database, settings: Settings, amqp_url: str
) -> None:
    impatient = settings.model_copy(
        update={
            "awaited_steps": frozenset({Step.ACTIVATION}),
            "operation_at_risk_seconds": 0.1,
            "operation_time_allowed_seconds": 1.0,
            "sweep_interval_seconds": 0.1,
        }
    )
    await store(database, SITE, RESERVED)
    async with working(database, impatient) as worker:
        await until_leading(worker)
        lines = await program_output(amqp_url)

    # On a slow machine the deadline can pass before the delay is published.
    assert [line.split()[0] for line in lines if "DELAYED" not in line] == ["PENDING", "FAILED"]
    assert "DEADLINE_PASSED" in lines[-1]


MAIN_NUMBER = MainNumber(
    "+442079460200", NumberStatus.ACTIVE, "reception", frozenset({CallTarget.HUNT_GROUP})
)


def course_of(command: Command) -> Course:
    """A late activation of the number by this command."""
    number = Number("+442079460201", "london-1", "acme", "201", NumberStatus.RESERVED)
    course = Course(number, AWAITING_ALL, MAIN_NUMBER)
    course.receive(command)
    course.confirm()
    course.pass_time(AWAITING_ALL.at_risk_after)
    return course


def failed_messages(command: Command) -> tuple[list[PublishedMessage], list[str]]:
    """The messages of an activation that fails, in a bad order, and what the program prints."""
    course = course_of(command)
    course.pass_time(AWAITING_ALL.time_allowed)
    pending, delayed, failed, reserved, *_ = course.messages
    order = [delayed, pending, delayed, pending, reserved, pending, reserved, failed]
    return order, ["DELAYED", "PENDING sequence 1", "RESERVED sequence 2", "FAILED"]


def completed_messages(command: Command) -> tuple[list[PublishedMessage], list[str]]:
    """The messages of an activation that ends ACTIVE, with an outstanding join, likewise."""
    course = course_of(command)
    course.answer(course.open_steps[0].step_id, StepResult.DONE)
    course.confirm()
    course.pass_time(AWAITING_ALL.at_risk_after)
    pending, delayed, active, _, aftermath = course.messages
    order = [pending, aftermath, pending, delayed, aftermath, delayed, pending, active]
    return order, ["PENDING sequence 1", "DELAYED", "ACTIVE sequence 2"]


@pytest.mark.parametrize("messages_of", [failed_messages, completed_messages])
async def test_the_example_program_drops_repeated_and_late_messages(
    amqp_url: str,
    messages_of: Callable[[Command], tuple[list[PublishedMessage], list[str]]],
) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        commands = await channel.declare_queue(exclusive=True)
        await commands.bind(COMMAND_EXCHANGE, "phone_number.#")
        events = await channel.get_exchange(EVENT_EXCHANGE, ensure=False)
        running = asyncio.create_task(program_output(amqp_url))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (delivery := await commands.get(fail=False, no_ack=True)) is None:
                await asyncio.sleep(0.05)
        messages, expected = messages_of(read(delivery.body, delivery.content_type, COMMANDS))
        for message in messages:
            await events.publish(aio_pika.Message(message.encode()), routing_key_of(message))
        lines = await running

    assert len(lines) == len(expected)
    assert all(line.startswith(words) for line, words in zip(lines, expected, strict=True))


async def program_output(amqp_url: str) -> list[str]:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", blocks(WEB_TIER, "python")[0]),
        *("+442079460201", "acme", "london-1"),
        env={**os.environ, "AMQP_URL": amqp_url},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(program.communicate(), TIMEOUT_SECONDS)
    return output.decode().splitlines()
