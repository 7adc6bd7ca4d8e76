"""The programs of the documents follow one command to its end, in each language."""

import ast
import asyncio
import json
import re
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
from activation_contracts.documents.folder import DOCUMENTS
from activation_contracts.examples import EXAMPLES
from activation_contracts.messages import Command, PublishedMessage
from activation_contracts.reading import read
from activation_contracts.values import CallTarget, NumberStatus, Step, StepResult

from tests.support.contract.deliveries import OWN
from tests.support.data.builders import AWAITING_ALL
from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.programs import LANGUAGES, ProgramFailedError, ProgramIn, hasten, program_in
from tests.support.quick import parametrize_quick
from tests.support.stories.course import Course
from tests.support.workers import store, until_leading, working
from worker.core.situation import MainNumber, Number
from worker.settings import Settings
from worker.storage.connecting.engine import Database

__all__ = ["program_in"]

SITE = (
    voice_service(1, site_id="london-1"),
    phone_numbers("+442079460201", site_id="london-1"),
)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_program_prints_pending_and_active_and_the_next_time_the_refusal(
    database: Database, settings: Settings, amqp_url: str, language: str, program_in: ProgramIn
) -> None:
    program = program_in(language)
    await store(database, *SITE)
    async with working(database, settings) as worker:
        await until_leading(worker)
        accepted = await program(amqp_url)
        (refused,) = await program(amqp_url)

    assert accepted == ["PENDING sequence 1", "ACTIVE sequence 2"]
    assert refused.startswith("REFUSED NUMBER_NOT_RESERVED ")


@parametrize_quick("language", [*LANGUAGES], quick=1)
async def test_the_program_reports_the_failure_when_the_pbx_is_silent(
    database: Database, settings: Settings, amqp_url: str, language: str, program_in: ProgramIn
) -> None:
    program = program_in(language)
    impatient = settings.model_copy(
        update={
            "awaited_steps": frozenset({Step.ACTIVATION}),
            "operation_at_risk_seconds": 0.1,
            "operation_time_allowed_seconds": 1.0,
            "sweep_interval_seconds": 0.1,
        }
    )
    await store(database, *SITE)
    async with working(database, impatient) as worker:
        await until_leading(worker)
        lines = await program(amqp_url)

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
    """The messages of an activation that fails, PENDING too late, and what the program prints."""
    course = course_of(command)
    course.pass_time(AWAITING_ALL.time_allowed)
    pending, delayed, failed, reserved, *_ = course.messages
    order = [delayed, reserved, pending, delayed, reserved, pending, failed]
    return order, ["DELAYED", "RESERVED sequence 2", "FAILED"]


def completed_messages(command: Command) -> tuple[list[PublishedMessage], list[str]]:
    """The messages of one that ends ACTIVE, repeated, with an outstanding join, likewise."""
    course = course_of(command)
    course.answer(course.open_steps[0].step_id, StepResult.DONE)
    course.confirm()
    course.pass_time(AWAITING_ALL.at_risk_after)
    pending, delayed, active, _, aftermath = course.messages
    order = [pending, aftermath, pending, delayed, aftermath, delayed, pending, active]
    return order, ["PENDING sequence 1", "DELAYED", "ACTIVE sequence 2"]


def others(message: PublishedMessage, command: Command) -> list[bytes]:
    """Events that are not the command's, more than a consumer gets that does not acknowledge them.

    Then one of the command's of a type that came later, and one without the fields of its type.
    """
    event = json.loads(message.encode())
    of_another = {**event, "data": {**event["data"], "command_id": "another"}}
    later = {**event, "id": "later", "type": "telephony.phone_number.admired.v1"}
    invalid = {**event, "id": "invalid", "data": {"command_id": command.id}}
    return [json.dumps(each).encode() for each in (*[of_another] * 30, later, invalid)]


@parametrize_quick(
    "language,messages_of",
    [
        ("Python", failed_messages),
        ("JavaScript", completed_messages),
        ("Java", failed_messages),
        ("Python", completed_messages),
        ("JavaScript", failed_messages),
        ("Java", completed_messages),
    ],
    quick=3,
)
async def test_the_program_prints_what_counts_of_its_command_and_nothing_else(
    amqp_url: str,
    program_in: ProgramIn,
    language: str,
    messages_of: Callable[[Command], tuple[list[PublishedMessage], list[str]]],
) -> None:
    program = program_in(language)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        commands = await channel.declare_queue(exclusive=True)
        await commands.bind(COMMAND_EXCHANGE, "phone_number.#")
        events = await channel.get_exchange(EVENT_EXCHANGE, ensure=False)
        running = asyncio.create_task(program(amqp_url))
        while (delivery := await commands.get(fail=False, no_ack=True)) is None:
            assert not running.done(), "it has ended and sent no command"
            await asyncio.sleep(0.05)
        command = read(delivery.body, delivery.content_type, COMMANDS)
        messages, expected = messages_of(command)
        for body in others(messages[0], command):
            await events.publish(aio_pika.Message(body), "phone_number.other")
        for message in messages:
            await events.publish(aio_pika.Message(message.encode()), routing_key_of(message))
        lines = await running

    assert len(lines) == len(expected) + 1
    for line, words in zip(lines, ["INVALID", *expected], strict=True):
        assert line.startswith(words)


@parametrize_quick("language", ["JavaScript", "Java", "Python"], quick=1)
async def test_the_program_ends_when_its_command_cannot_be_read(
    amqp_url: str, program_in: ProgramIn, language: str
) -> None:
    program = program_in(language)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        commands = await channel.declare_queue(exclusive=True)
        await commands.bind(COMMAND_EXCHANGE, "phone_number.#")
        running = asyncio.create_task(program(amqp_url))
        while (delivery := await commands.get(fail=False, no_ack=True)) is None:
            assert not running.done(), "it has ended and sent no command"
            await asyncio.sleep(0.05)
        unreadable = EXAMPLES["telephony.message.unreadable.v1"]
        data = {"id": delivery.message_id, "code": "INVALID", "detail": "why"}
        body = json.dumps({**json.loads(unreadable.encode()), "data": {**data, "source": None}})
        answer = aio_pika.Message(body.encode())
        await channel.default_exchange.publish(answer, str(delivery.reply_to))

        assert await running == ["UNREADABLE INVALID why"]


@parametrize_quick("language", [*LANGUAGES], quick=1)
async def test_the_program_gives_up_when_its_command_expires_on_a_busy_bus(
    amqp_url: str, program_in: ProgramIn, tmp_path: Path, language: str
) -> None:
    program = program_in(language)
    hasten(tmp_path)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        commands = await channel.declare_queue(exclusive=True)
        await commands.bind(COMMAND_EXCHANGE, "phone_number.#")
        events = await channel.get_exchange(EVENT_EXCHANGE, ensure=False)
        running = asyncio.create_task(program(amqp_url))
        while not running.done():
            await events.publish(aio_pika.Message(b"{}", app_id=OWN), "phone_number.other")
            await asyncio.sleep(0.05)

    with pytest.raises(ProgramFailedError):
        await running


def test_the_program_in_python_returns_an_event_to_its_queue_if_it_fails() -> None:
    text = (DOCUMENTS / "web-tier.md").read_text(encoding="utf-8")
    calls = [
        ast.unparse(node)
        for program in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".process")
    ]

    assert calls == ["delivery.process(requeue=True)"]


@pytest.mark.parametrize("language", ["js", "java"])
def test_a_program_in_another_language_has_less_than_a_hundred_lines(language: str) -> None:
    page = (DOCUMENTS / "other-languages.md").read_text(encoding="utf-8")
    (program,) = re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)

    assert len(program.splitlines()) < 100
