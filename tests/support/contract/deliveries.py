"""What the contracts say of a delivery: its body, its AMQP properties and its destination."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from activation_contracts.catalogue import EVENT_EXCHANGE, PBX_EXCHANGE, REPLIES, MessageDefinition
from activation_contracts.dead_letters import DeadLetterCode
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.reading import ReadErrorCode
from activation_contracts.topology import DEAD_LETTER_QUEUE
from aiormq import spec

from tests.support.contract.bodies import body_problems
from tests.support.contract.sent import SENT

__all__ = ["OWN", "Seen", "problems_of"]

OWN: Final = "tests"
"""The AMQP application id of messages that a test publishes in the worker's place."""

PERSISTENT: Final = 2
REPLY_QUEUES: Final = ("amq.gen-", "amq.rabbitmq.reply-to", "reply.", "answers.")
DEAD_LETTER_CODES: Final = {
    *ReadErrorCode,
    DeadLetterCode.CANNOT_BE_STORED,
    DeadLetterCode.KILLS_THE_WORKER,
}
"""The codes of the dead letters that a worker publishes."""
DEAD_LETTER_HEADERS: Final = (
    *("x-original-exchange", "x-original-routing-key"),
    *("x-error-code", "x-error-detail", "x-failed-at"),
)
OF_THE_BROKER: Final = ("x-death", "x-delivery-count", "x-first-death", "x-stream-offset")


@dataclass(frozen=True, slots=True)
class Seen:
    """A delivery that a test has received."""

    exchange: str
    routing_key: str
    properties: spec.Basic.Properties
    body: bytes


def problems_of(seen: Seen) -> list[str]:
    """In what the delivery breaks the contracts; empty if it keeps them or is not the worker's."""
    if seen.properties.app_id == OWN:
        return []
    if seen.exchange in {EVENT_EXCHANGE, PBX_EXCHANGE}:
        return _message_problems(seen)
    if seen.exchange or not seen.routing_key:
        return []
    if seen.routing_key == DEAD_LETTER_QUEUE:
        return _dead_letter_problems(seen)
    return _message_problems(seen) if seen.routing_key.startswith(REPLY_QUEUES) else []


def _message_problems(seen: Seen) -> list[str]:
    problems = body_problems(seen.body)
    if problems:
        return problems
    event = json.loads(seen.body)
    return [*_destination_problems(seen, event), *_property_problems(seen, event)]


def _destination_problems(seen: Seen, event: dict[str, Any]) -> list[str]:
    row = SENT[event["type"]]
    if seen.exchange != row.exchange:
        if not seen.exchange and row.type in REPLIES:
            return []
        return [f"{row.type} goes to the exchange {row.exchange!r}, not to {seen.exchange!r}"]
    expected = _routing_key(row, event)
    if row.direction == "replied" or seen.routing_key == expected:
        return []
    return [f"the routing key is {seen.routing_key!r}, not {expected!r}"]


def _routing_key(row: MessageDefinition, event: dict[str, Any]) -> str:
    fields = {name: value for name, value in event["data"].items() if isinstance(value, str)}
    if "status" in fields:
        fields["status"] = fields["status"].lower()
    return row.routing_key.format(**{"reply_to": "", **fields})


def _property_problems(seen: Seen, event: dict[str, Any]) -> list[str]:
    """Where the properties do not mirror the envelope."""
    properties = seen.properties
    expected: dict[str, Any] = {
        "content_type": CONTENT_TYPE,
        "delivery_mode": PERSISTENT,
        "message_id": event["id"],
        "message_type": event["type"],
        "timestamp": _expected_timestamp(seen, event),
        "priority": None,
        "expiration": None,
        "reply_to": None,
    }
    if seen.exchange:
        # A reply has the correlation id of its request instead.
        expected["correlation_id"] = event["correlationid"]
    problems = [
        f"the AMQP property {name} is {getattr(properties, name)!r}, not {value!r}"
        for name, value in expected.items()
        if (getattr(properties, name) or None) != value
    ]
    headers = sorted({*(properties.headers or {})} - {*OF_THE_BROKER})
    return [*problems, *([f"it has the headers {', '.join(headers)}"] if headers else [])]


def _expected_timestamp(seen: Seen, event: dict[str, Any]) -> datetime:
    """The time of the event in whole seconds; a reply may be the later repeat of an answer."""
    time = datetime.fromisoformat(event["time"]).replace(microsecond=0)
    timestamp = seen.properties.timestamp
    return timestamp if not seen.exchange and timestamp and timestamp > time else time


def _dead_letter_problems(seen: Seen) -> list[str]:
    headers = seen.properties.headers or {}
    if "x-death" in headers:
        return []  # the broker gave it up, not the worker
    problems = [
        f"the header {name} is {headers.get(name)!r}, not a text"
        for name in DEAD_LETTER_HEADERS
        if not isinstance(headers.get(name), str)
    ]
    if problems:
        return problems
    if headers["x-error-code"] not in DEAD_LETTER_CODES:
        problems.append(f"the code {headers['x-error-code']!r} is not documented")
    try:
        zone = datetime.fromisoformat(str(headers["x-failed-at"])).tzinfo
    except ValueError:
        zone = None
    if zone is None:
        problems.append(f"x-failed-at is {headers['x-failed-at']!r}, no time with a zone")
    if seen.properties.delivery_mode != PERSISTENT:
        problems.append("it is not persistent")
    return problems
