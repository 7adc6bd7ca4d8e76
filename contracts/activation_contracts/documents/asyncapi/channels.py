"""The channels: one for each routing key, one for replies, and the dead-letter queue.

The AMQP binding of AsyncAPI has no fields for arguments and bindings, and allows no other fields.
Therefore the channels have the extensions `x-exchange-arguments` and `x-queues`.
"""

from dataclasses import asdict
from typing import Any, Final

from activation_contracts.catalogue import CATALOGUE, EVENT_EXCHANGE, REPLIES, MessageDefinition
from activation_contracts.documents.asyncapi.tags import tag_of
from activation_contracts.topology import (
    DEAD_LETTER_QUEUE,
    EVENT_LOG,
    EVENT_LOG_DAYS,
    EXCHANGES,
    QUEUES,
    Queue,
    event_log,
)
from activation_contracts.values import NumberStatus

__all__ = [
    "BINDING_VERSION",
    "DEAD_LETTERS",
    "REPLY_CHANNEL",
    "bulk_channel_of",
    "channel_of",
    "channels",
    "reference_to",
]

Document = dict[str, Any]

BINDING_VERSION: Final = "0.3.0"

REPLY_CHANNEL: Final = "replies"
"""The name of the channel."""
DEAD_LETTERS: Final = "dead_letters"
"""The name of the channel, of its message and of its operation."""

_EXCHANGES: Final = {exchange.name: exchange for exchange in EXCHANGES}
_ALL_QUEUES: Final = (*QUEUES, event_log(EVENT_LOG_DAYS))

_PARAMETERS: Final[dict[str, Document]] = {
    "status": {
        "enum": [status.value.lower() for status in NumberStatus],
        "description": "The new status, in lower case.",
    },
    "site_id": {
        "description": "The site. The PBX of one site binds its own queue with it.",
        "location": "$message.payload#/data/site_id",
    },
}


def channels() -> Document:
    """All channels, by name."""
    return {
        **{channel_of(row): _routed(row) for row in CATALOGUE if row.direction != "replied"},
        **{bulk_channel_of(row): _bulk(row) for row in CATALOGUE if row.bulk_queue},
        REPLY_CHANNEL: {
            "address": None,
            "title": "Replies",
            "description": "The queue that `reply_to` names, through the default exchange.",
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in REPLIES},
        },
        DEAD_LETTERS: _dead_letters(),
    }


def channel_of(row: MessageDefinition) -> str:
    """The name of the channel of a message."""
    return REPLY_CHANNEL if row.direction == "replied" else row.type


def bulk_channel_of(row: MessageDefinition) -> str:
    """The name of the channel of a message that is sent in bulk."""
    return f"{row.type}.bulk"


def reference_to(channel: str, message: str | None = None) -> Document:
    """A reference to a channel, or to one of its messages."""
    return {"$ref": f"#/channels/{channel}" + (f"/messages/{message}" if message else "")}


def _routed(row: MessageDefinition) -> Document:
    """A routing key of an exchange, and the durable queues that its messages reach."""
    exchange = _EXCHANGES[row.exchange]
    channel: Document = {
        "address": row.routing_key,
        "title": row.message.__name__,
        "description": f"Routing key of the {exchange.kind} exchange `{exchange.name}`.",
        "messages": {row.type: {"$ref": f"#/components/messages/{row.type}"}},
        "tags": [{"$ref": f"#/components/tags/{tag_of(row.exchange)}"}],
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {
                    "name": exchange.name,
                    "type": exchange.kind,
                    "durable": True,
                    "autoDelete": False,
                },
                "bindingVersion": BINDING_VERSION,
            }
        },
        "x-exchange-arguments": dict(exchange.arguments),
        "x-queues": [_queue(queue) for queue in _ALL_QUEUES if _reaches(row, queue)],
    }
    parameters = {
        name: meaning for name, meaning in _PARAMETERS.items() if f"{{{name}}}" in row.routing_key
    }
    return {**channel, "parameters": parameters} if parameters else channel


def _bulk(row: MessageDefinition) -> Document:
    """The second routing key of a command, for many at once."""
    queues = [_queue(queue) for queue in _ALL_QUEUES if queue.name == row.bulk_queue]
    return {
        **_routed(row),
        "address": row.bulk_routing_key,
        "title": f"{row.message.__name__} in bulk",
        "description": (
            f"Routing key of the topic exchange `{row.exchange}` for commands for which no person"
            " waits: they never delay the others."
        ),
        "x-queues": queues,
    }


def _dead_letters() -> Document:
    queue = next(queue for queue in QUEUES if queue.name == DEAD_LETTER_QUEUE)
    return {
        "address": queue.name,
        "title": "Dead letters",
        "description": "The dead-letter queue, through the default exchange.",
        "messages": {DEAD_LETTERS: {"$ref": f"#/components/messages/{DEAD_LETTERS}"}},
        "tags": [{"$ref": f"#/components/tags/{DEAD_LETTERS}"}],
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {
                    "name": queue.name,
                    "durable": True,
                    "exclusive": False,
                    "autoDelete": False,
                },
                "bindingVersion": BINDING_VERSION,
            }
        },
        "x-queues": [_queue(queue)],
    }


def _queue(queue: Queue) -> Document:
    return {
        "name": queue.name,
        "durable": True,
        "arguments": dict(queue.arguments),
        "bindings": [asdict(binding) for binding in queue.bindings],
    }


def _reaches(row: MessageDefinition, queue: Queue) -> bool:
    return row.queue == queue.name or (queue.name, row.exchange) == (EVENT_LOG, EVENT_EXCHANGE)
