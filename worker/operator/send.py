"""Sends a command or a preview as the web tier would, and waits for its outcome or answer."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum, auto, unique
from typing import Any, Final, NamedTuple

import aio_pika
from activation_contracts import activate, amqp_message, deactivate
from activation_contracts.catalogue import EVENT_EXCHANGE
from activation_contracts.messages import (
    Command,
    CommandRejected,
    OperationFailed,
    Previewed,
    StatusChanged,
)
from activation_contracts.values import Would
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import ChannelClosed, PublishError
from aiormq.exceptions import ChannelAccessRefused
from pydantic import ValidationError

from worker.broker.connecting.answers import answered
from worker.broker.connecting.connection import BrokerUnavailable, connect
from worker.broker.publishing.alarms import ALARM, is_blocked
from worker.operator.sent_events import TYPES, Event
from worker.operator.validation_errors import explain
from worker.runtime.concurrency import first_of
from worker.runtime.mistakes import Mistake
from worker.settings import Settings

__all__ = ["InvalidCommand", "SendResult", "TopologyMissing", "send_command"]

SOURCE: Final = "/telephony/activation-worker/command-line"
FINAL: Final = {"activate": "ACTIVE", "deactivate": "RESERVED"}

_BUILDERS: Final[Mapping[str, Callable[..., Command]]] = {
    "activate": activate,
    "deactivate": deactivate,
}


class InvalidCommand(Exception):
    """A worker could not read the command; the text names the field."""


class TopologyMissing(Exception):
    """The broker lacks the exchange or the queue of commands."""


@unique
class SendResult(Enum):
    """How sending a command ended, named like the exit codes."""

    DONE = auto()
    """Sent; or, if waited for, completed; or it would be accepted."""
    REFUSED = auto()
    FAILED = auto()
    """Its operation ended without success."""
    NEEDS_OPERATOR = auto()
    """It was accepted, and its operation cannot go on until an operator decides."""
    ACCEPTED_BEFORE = auto()
    """It repeats a command that was accepted; later events of that one do not come again."""
    TIMED_OUT = auto()


class _Received(NamedTuple):
    event: Event
    is_reply: bool
    """Whether it came to the `reply_to` of the command; otherwise as an event, like to everyone."""


class _Inbox(NamedTuple):
    """A queue for events and replies alike, which keeps their order."""

    queue_name: str
    received: "asyncio.Queue[_Received]"


async def send_command(
    settings: Settings,
    fields: Mapping[str, Any],
    *,
    wait_seconds: float | None,
    on_event: Callable[[Event], None],
) -> SendResult:
    """Publishes the command; with `wait_seconds`, passes each of its events to `on_event`.

    A preview has one event, its answer.

    Without it, `on_event` gets the command itself. Raises `InvalidCommand`, `TopologyMissing` and
    `BrokerUnavailable`.
    """
    command = _command(fields)
    async with await connect(settings.amqp_urls) as connection:
        ended = asyncio.Event()
        connection.close_callbacks.add(lambda _connection, _error: ended.set())
        channel = await connection.channel(on_return_raises=True)
        try:
            inbox = None if wait_seconds is None else await _subscribe(channel, command)
            await _publish(
                connection,
                channel,
                command,
                reply_to=inbox.queue_name if inbox else None,
                bulk=fields.get("bulk", False),
            )
        except ChannelAccessRefused as error:
            raise Mistake(
                f"The RabbitMQ user of AMQP_URL lacks a right to send commands, or to wait for"
                f" their events ({error}). Grant it with `rabbitmqctl set_permissions`."
            ) from error
        except (ChannelClosed, PublishError) as error:
            raise TopologyMissing(
                f"The broker cannot route commands ({error}). Run `activation-worker topology`."
            ) from error
        if inbox is None or wait_seconds is None:
            on_event(json.loads(command.encode()))
            return SendResult.DONE
        waiting = asyncio.create_task(_wait(inbox, wait_seconds, on_event))
        await first_of(waiting, ended.wait())
        if waiting.cancelled():
            raise BrokerUnavailable(
                f"the connection ended before the outcome of command {command.id} was known; see"
                " `activation-worker show`"
            )
        return waiting.result()


def _command(fields: Mapping[str, Any]) -> Command:
    expires_in = fields.get("expires_in")
    now = datetime.now(UTC)
    try:
        return _BUILDERS[fields["operation"]](
            fields["number"],
            account_id=fields["account"],
            site_id=fields["site"],
            source=SOURCE,
            requested_by=fields.get("requested_by"),
            id=fields.get("identifier"),
            time=now,
            expirytime=None if expires_in is None else now + timedelta(seconds=expires_in),
            preview=fields.get("preview", False),
        )
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, item['loc']))}: {explain(item)}" for item in error.errors()
        )
        raise InvalidCommand("; ".join(problems)) from None


async def _subscribe(channel: AbstractChannel, command: Command) -> _Inbox:
    """Collects the command's events from now on; call before sending it, to miss none.

    Of a preview only its answer: its id may be that of a command.
    """
    received: asyncio.Queue[_Received] = asyncio.Queue()

    async def collect(message: AbstractIncomingMessage) -> None:
        event = json.loads(message.body)
        is_preview = event["type"] == TYPES[Previewed]
        is_expected = is_preview is bool(command.data.preview)
        if is_expected and event["data"].get("command_id") == command.id:
            # Replies come through the default exchange.
            received.put_nowait(_Received(event, is_reply=not message.exchange))

    queue = await answered(channel.declare_queue(exclusive=True, auto_delete=True))
    await answered(queue.bind(EVENT_EXCHANGE, "phone_number.#"))
    await answered(queue.consume(collect, no_ack=True))
    return _Inbox(queue.name, received)


async def _publish(
    connection: AbstractConnection,
    channel: AbstractChannel,
    command: Command,
    reply_to: str | None,
    *,
    bulk: bool,
) -> None:
    message = amqp_message(command, reply_to=reply_to, bulk=bulk)
    published = aio_pika.Message(message.body, **message.properties)
    exchange = await channel.get_exchange(message.exchange, ensure=False)
    try:
        await answered(exchange.publish(published, message.routing_key, mandatory=True))
    except BrokerUnavailable as error:
        reason = ALARM if is_blocked(connection) else error
        raise BrokerUnavailable(
            f"it did not confirm command {command.id} ({reason}), and may have accepted it"
            " nevertheless; send it again with this --id: a repeat has no second effect"
        ) from error


async def _wait(
    inbox: _Inbox, wait_seconds: float, on_event: Callable[[Event], None]
) -> SendResult:
    seen: set[str] = set()
    try:
        async with asyncio.timeout(wait_seconds):
            while True:
                event, is_reply = await inbox.received.get()
                if event["id"] in seen:
                    continue
                seen.add(event["id"])
                on_event(event)
                if (result := _result_of(event)) is not None:
                    return result
                if is_reply:
                    # The relay publishes an event, and has it confirmed, before the reply with the
                    # same content. This event came before there was a queue for it.
                    return SendResult.ACCEPTED_BEFORE
    except TimeoutError:
        return SendResult.TIMED_OUT


def _result_of(event: Event) -> SendResult | None:
    """The result if this event ends the command; None if more events follow."""
    data = event["data"]
    if event["type"] == TYPES[Previewed]:
        return SendResult.DONE if data["would"] == Would.BE_ACCEPTED else SendResult.REFUSED
    if event["type"] == TYPES[CommandRejected]:
        return SendResult.REFUSED
    if event["type"] == TYPES[OperationFailed]:
        return SendResult.NEEDS_OPERATOR if data["needs_a_person"] else SendResult.FAILED
    # A RESERVED with a failure follows from an operation that ended without success.
    has_ended = event["type"] == TYPES[StatusChanged] and not data.get("failure")
    if has_ended and data["status"] == FINAL[data["operation"]]:
        return SendResult.DONE
    return None
