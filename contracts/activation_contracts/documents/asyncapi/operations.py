"""The operations of the worker: it receives requests and sends events, replies and dead letters."""

from typing import Any, Final

from activation_contracts.catalogue import CATALOGUE, REPLIES_FROM, MessageDefinition
from activation_contracts.documents.asyncapi.channels import (
    BINDING_VERSION,
    DEAD_LETTERS,
    REPLY_CHANNEL,
    bulk_channel_of,
    channel_of,
    reference_to,
)
from activation_contracts.documents.asyncapi.tags import tag_of

__all__ = ["operations"]

Document = dict[str, Any]

PERSISTENT: Final = 2


def operations() -> Document:
    """All operations, by the type of their message, and the one for dead letters."""
    return {
        **{
            row.type: _receive(row) if row.direction == "received" else _send(row)
            for row in CATALOGUE
        },
        **{
            bulk_channel_of(row): _receive_bulk(row, row.bulk_queue)
            for row in CATALOGUE
            if row.bulk_queue
        },
        DEAD_LETTERS: {
            "action": "send",
            "title": "Dead-letter a message",
            "summary": "A message that cannot be handled is kept, with the reason in its headers.",
            "channel": reference_to(DEAD_LETTERS),
            "messages": [reference_to(DEAD_LETTERS, DEAD_LETTERS)],
            "tags": [{"$ref": f"#/components/tags/{DEAD_LETTERS}"}],
            "bindings": _binding(mandatory=True),
        },
    }


def _receive(row: MessageDefinition) -> Document:
    return {
        **_operation("receive", row),
        "bindings": _binding(mandatory=True, ack=True),
        "reply": _reply(str(row.queue)),
    }


def _receive_bulk(row: MessageDefinition, queue: str) -> Document:
    channel = bulk_channel_of(row)
    return {
        **_receive(row),
        "title": f"{row.message.__name__} in bulk",
        "channel": reference_to(channel),
        "messages": [reference_to(channel, row.type)],
        "reply": _reply(queue),
    }


def _send(row: MessageDefinition) -> Document:
    return {
        **_operation("send", row),
        "bindings": _binding(mandatory=row.direction == "published", timestamp=True),
        "x-must-be-routed": row.must_be_routed,
    }


def _operation(action: str, row: MessageDefinition) -> Document:
    channel = channel_of(row)
    return {
        "action": action,
        "title": row.message.__name__,
        "summary": row.meaning,
        "channel": reference_to(channel),
        "messages": [reference_to(channel, row.type)],
        "tags": [{"$ref": f"#/components/tags/{tag_of(row.exchange)}"}],
    }


def _reply(queue: str) -> Document:
    return {
        "address": {
            "location": "$message.header#/reply_to",
            "description": (
                "The AMQP property. The worker sends the first event there too, or the pages of a"
                " report, or the reason why it cannot read the message."
            ),
        },
        "channel": reference_to(REPLY_CHANNEL),
        "messages": [
            reference_to(REPLY_CHANNEL, row.type)
            for row in CATALOGUE
            if row.message in REPLIES_FROM[queue]
        ],
    }


def _binding(**fields: bool) -> Document:
    return {"amqp": {"deliveryMode": PERSISTENT, **fields, "bindingVersion": BINDING_VERSION}}
