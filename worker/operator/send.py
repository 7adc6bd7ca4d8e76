"""Sending a command as the web tier would, and waiting for what becomes of it."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum, auto, unique
from typing import Any, Final
from uuid import uuid4

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import ChannelClosed, PublishError
from pydantic import ValidationError

from contracts.catalogue import CATALOGUE, COMMANDS, EVENT_EXCHANGE, definition_of
from contracts.messages import (
    Command,
    CommandData,
    CommandRejected,
    OperationDelayed,
    OperationFailed,
    StatusChanged,
)
from worker.broker.connection import BrokerUnavailable, connect
from worker.broker.publisher import persistent
from worker.operator.error_words import explain
from worker.settings import Settings

__all__ = ["NoTopology", "Sent", "WrongCommand", "in_words", "send_command"]

SOURCE: Final = "/telephony/activation-worker/command-line"
FINAL: Final = {"activate": "ACTIVE", "deactivate": "RESERVED"}

Event = Mapping[str, Any]

_TYPES: Final = {definition.message: definition.type for definition in CATALOGUE}


class WrongCommand(Exception):
    """The command would not be readable; the text says which part of it."""


class NoTopology(Exception):
    """The exchanges or queues are missing."""


@unique
class Sent(Enum):
    """What became of a command, named like the exit codes."""

    DONE = auto()
    """Sent; or, waited for, completed."""
    REFUSED = auto()
    FAILED = auto()
    """Accepted, and ended without success."""
    TIMED_OUT = auto()


async def send_command(
    settings: Settings,
    fields: Mapping[str, Any],
    *,
    wait_seconds: float | None,
    tell: Callable[[Event], None],
) -> Sent:
    """Publishes the command and, if asked, tells each answer until the last one.

    Raises `WrongCommand`, `NoTopology` and `BrokerUnavailable`.
    """
    command = _command(fields)
    async with await connect(settings.amqp_urls) as connection:
        channel = await connection.channel(on_return_raises=True)
        try:
            answers = None if wait_seconds is None else await _answers(channel, command.id)
            await _publish(channel, command)
        except (ChannelClosed, PublishError) as error:
            raise NoTopology(
                f"The broker has no place for commands ({error}): run `activation-worker topology`."
            ) from error
        except TimeoutError:
            raise BrokerUnavailable(
                f"it did not confirm command {command.id}, which may have been sent all the same;"
                " sending it again with this --id has no second effect"
            ) from None
        if answers is None or wait_seconds is None:
            tell(json.loads(command.encode()))
            return Sent.DONE
        return await _outcome(answers, wait_seconds, tell)


def in_words(event: Event) -> str:
    """A line for people."""
    data = event["data"]
    if event["type"] == _TYPES[OperationDelayed]:
        return f"DELAYED   {data['message']}"
    if event["type"] == _TYPES[OperationFailed]:
        return f"FAILED    {data['phone_number']}  {data['code']}: {data['detail']}"
    if event["type"] == _TYPES[CommandRejected]:
        return f"REFUSED   {data['phone_number']}  {data['code']}: {data['message']}"
    if "status" in data:
        usage = data["entitlement"]
        return (
            f"{data['status']:<9} {data['phone_number']}  sequence {data['sequence']}; voice"
            f" services: {usage['limit']} bought, {usage['active']} active,"
            f" {usage['pending']} pending"
        )
    return f"SENT      {data['phone_number']}  command {event['id']}"


def _command(fields: Mapping[str, Any]) -> Command:
    operation = fields["operation"]
    expires_in = fields.get("expires_in")
    now = datetime.now(UTC)
    try:
        return COMMANDS[f"telephony.phone_number.{operation}.v1"](
            id=fields.get("identifier") or str(uuid4()),
            source=SOURCE,
            subject=fields["number"],
            time=now,
            expirytime=None if expires_in is None else now + timedelta(seconds=expires_in),
            partitionkey=f"{fields['account']}/{fields['site']}",
            data=CommandData(
                phone_number=fields["number"],
                account_id=fields["account"],
                site_id=fields["site"],
                requested_by=fields.get("requested_by"),
            ),
        )
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, item['loc']))}: {explain(item)}" for item in error.errors()
        )
        raise WrongCommand("; ".join(problems)) from None


async def _answers(channel: AbstractChannel, command_id: str) -> "asyncio.Queue[Event]":
    """What is said of the command from now on: bound before it is sent, so nothing is missed."""
    answers: asyncio.Queue[Event] = asyncio.Queue()

    async def note(message: AbstractIncomingMessage) -> None:
        event = json.loads(message.body)
        if event["data"].get("command_id") == command_id:
            answers.put_nowait(event)

    queue = await channel.declare_queue(exclusive=True, auto_delete=True)
    await queue.bind(EVENT_EXCHANGE, "phone_number.#")
    await queue.consume(note, no_ack=True)
    return answers


async def _publish(channel: AbstractChannel, command: Command) -> None:
    definition = definition_of(type(command))
    message = persistent(
        command.encode(),
        message_id=command.id,
        message_type=command.type,
        correlation_id=command.correlationid or command.id,
    )
    exchange = await channel.get_exchange(definition.exchange, ensure=False)
    await exchange.publish(message, definition.routing_key, mandatory=True, timeout=10)


async def _outcome(
    answers: "asyncio.Queue[Event]", wait_seconds: float, tell: Callable[[Event], None]
) -> Sent:
    try:
        async with asyncio.timeout(wait_seconds):
            while True:
                event = await answers.get()
                tell(event)
                ended = _ending(event)
                if ended is not None:
                    return ended
    except TimeoutError:
        return Sent.TIMED_OUT


def _ending(event: Event) -> Sent | None:
    """How the command ended by this event; None where it goes on."""
    data = event["data"]
    if event["type"] == _TYPES[CommandRejected]:
        return Sent.REFUSED
    if event["type"] == _TYPES[OperationFailed] and not data["needs_a_person"]:
        return Sent.FAILED
    if event["type"] == _TYPES[StatusChanged] and data["status"] == FINAL[data["operation"]]:
        return Sent.DONE
    return None
