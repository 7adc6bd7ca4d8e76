"""The AsyncAPI 3.0 document, generated from the catalogue and the topology.

The AMQP binding of AsyncAPI has no fields for arguments and bindings, and allows no other fields.
Therefore the channels have the extensions `x-queue-arguments`, `x-exchange-arguments` and
`x-queue-bindings`.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from activation_contracts.catalogue import (
    CATALOGUE,
    COMMAND_QUEUE,
    DIRECTORY_QUEUE,
    EVENT_EXCHANGE,
    REPORT_QUEUE,
    RESULT_QUEUE,
    MessageDefinition,
)
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.examples import EXAMPLES
from activation_contracts.messages import (
    CommandRejected,
    MessageUnreadable,
    Snapshot,
    StatusChanged,
)
from activation_contracts.schemas import schema_of
from activation_contracts.topology import (
    EVENT_LOG,
    EVENT_LOG_DAYS,
    EXCHANGES,
    QUEUES,
    Queue,
    event_log,
)
from activation_contracts.values import NumberStatus

__all__ = ["asyncapi_document"]

Document = dict[str, Any]

BINDING_VERSION: Final = "0.3.0"
PERSISTENT: Final = 2
REPLIES: Final = "replies"

_REPLIES: Final = {
    COMMAND_QUEUE: (StatusChanged, CommandRejected, MessageUnreadable),
    REPORT_QUEUE: (Snapshot, MessageUnreadable),
    RESULT_QUEUE: (MessageUnreadable,),
    DIRECTORY_QUEUE: (MessageUnreadable,),
}
"""The messages that the worker sends to `reply_to`, by the queue that it answers."""

_REPLY_ROWS: Final = tuple(
    row for row in CATALOGUE if any(row.message in replies for replies in _REPLIES.values())
)

_EXCHANGES: Final = {exchange.name: exchange for exchange in EXCHANGES}

_PARAMETERS: Final[dict[str, Document]] = {
    "status": {
        "enum": [status.value.lower() for status in NumberStatus],
        "description": "The new status, in lower case.",
    },
    "site_id": {"description": "The site. The PBX of one site binds its own queue with it."},
}


def asyncapi_document() -> Document:
    """The document from the worker's view: it receives commands and results and sends the rest."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Activation worker",
            "version": "1.0.0",
            "description": (
                "Activates and deactivates phone numbers for the tenants of office buildings."
            ),
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": _channels(),
        "operations": {
            row.type: _receive(row) if row.direction == "received" else _send(row)
            for row in CATALOGUE
        },
        "components": {
            "messages": {row.type: _message(row) for row in CATALOGUE},
            "schemas": _schemas(),
        },
    }


def _channels() -> dict[str, Document]:
    replies: Document = {
        "address": None,
        "description": "The queue named in `reply_to`, through the default exchange.",
        "messages": _messages(_REPLY_ROWS),
    }
    return {
        **{row.type: _exchange_channel(row) for row in CATALOGUE if row.direction != "replied"},
        **{queue.name: _queue_channel(queue) for queue in (*QUEUES, event_log(EVENT_LOG_DAYS))},
        REPLIES: replies,
    }


def _exchange_channel(row: MessageDefinition) -> Document:
    exchange = _EXCHANGES[row.exchange]
    channel: Document = {
        "address": row.routing_key,
        "messages": _messages([row]),
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
    }
    parameters = {
        name: meaning for name, meaning in _PARAMETERS.items() if f"{{{name}}}" in row.routing_key
    }
    return {**channel, "parameters": parameters} if parameters else channel


def _queue_channel(queue: Queue) -> Document:
    rows = [row for row in CATALOGUE if _reaches(row, queue)]
    return {
        "address": queue.name,
        # A dead letter can be any message: a channel without messages makes no promise.
        **({"messages": _messages(rows)} if rows else {}),
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
        "x-queue-arguments": dict(queue.arguments),
        "x-queue-bindings": [asdict(binding) for binding in queue.bindings],
    }


def _reaches(row: MessageDefinition, queue: Queue) -> bool:
    return row.queue == queue.name or (queue.name, row.exchange) == (EVENT_LOG, EVENT_EXCHANGE)


def _receive(row: MessageDefinition) -> Document:
    channel = _channel_reference(str(row.queue))
    received: Document = {
        "action": "receive",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{row.type}"}],
        "bindings": {
            "amqp": {
                "deliveryMode": PERSISTENT,
                "mandatory": True,
                "ack": True,
                "bindingVersion": BINDING_VERSION,
            }
        },
    }
    return {**received, "reply": _reply(str(row.queue))}


def _reply(queue: str) -> Document:
    return {
        "address": {
            "location": "$message.header#/reply_to",
            "description": (
                "The AMQP property. The worker sends the first event there too, or the pages of a"
                " report, or the reason why it cannot read the message."
            ),
        },
        "channel": {"$ref": _channel_reference(REPLIES)},
        "messages": [
            {"$ref": f"{_channel_reference(REPLIES)}/messages/{reply.type}"}
            for reply in _REPLY_ROWS
            if reply.message in _REPLIES[queue]
        ],
    }


def _send(row: MessageDefinition) -> Document:
    channel = _channel_reference(REPLIES if row.direction == "replied" else row.type)
    return {
        "action": "send",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{row.type}"}],
        "bindings": {
            "amqp": {
                "deliveryMode": PERSISTENT,
                "mandatory": row.direction == "published",
                "timestamp": True,
                "bindingVersion": BINDING_VERSION,
            }
        },
        "x-must-be-routed": row.must_be_routed,
    }


def _message(row: MessageDefinition) -> Document:
    return {
        "name": row.type,
        "title": row.message.__name__,
        "summary": row.message.__doc__,
        "contentType": CONTENT_TYPE,
        "correlationId": {"location": "$message.payload#/correlationid"},
        "payload": {"$ref": f"#/components/schemas/{row.message.__name__}"},
        "bindings": {"amqp": {"messageType": row.type, "bindingVersion": BINDING_VERSION}},
        "examples": [
            {"name": name, "payload": json.loads(example.encode())}
            for name, example in EXAMPLES.items()
            if example.type == row.type
        ],
    }


def _messages(rows: Iterable[MessageDefinition]) -> Document:
    return {row.type: {"$ref": f"#/components/messages/{row.type}"} for row in rows}


def _schemas() -> Document:
    schemas: Document = {}
    for row in CATALOGUE:
        schema = schema_of(row, references="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[row.message.__name__] = schema
    return dict(sorted(schemas.items()))


def _channel_reference(name: str) -> str:
    return f"#/channels/{name}"
