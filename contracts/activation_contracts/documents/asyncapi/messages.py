"""The messages and schemas of the document."""

import json
from typing import Any, Final

from activation_contracts.catalogue import CATALOGUE, MessageDefinition
from activation_contracts.documents.asyncapi.channels import BINDING_VERSION, DEAD_LETTERS
from activation_contracts.documents.asyncapi.tags import tag_of
from activation_contracts.documents.schemas import schema_of
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.examples import EXAMPLES
from activation_contracts.guidance import Guidance

__all__ = ["messages", "schemas"]

Document = dict[str, Any]

_REFERENCES: Final = "#/components/schemas/{model}"

_DEAD_LETTER_HEADERS: Final = {
    "x-original-exchange": "The exchange to which the message was published.",
    "x-original-routing-key": "Its routing key.",
    "x-error-code": "Why it was not handled, for programs.",
    "x-error-detail": "Why it was not handled, for people.",
    "x-failed-at": "When.",
}


def messages() -> Document:
    """All messages, by type, and dead letters."""
    return {**{row.type: _message(row) for row in CATALOGUE}, DEAD_LETTERS: _dead_letter()}


def schemas() -> Document:
    """The schemas of all messages and of their parts."""
    found: Document = {}
    for row in CATALOGUE:
        schema = schema_of(row, references=_REFERENCES)
        found.update(schema.pop("$defs"))
        found[row.message.__name__] = schema
    return dict(sorted(found.items()))


def _message(row: MessageDefinition) -> Document:
    return {
        "name": row.type,
        "title": row.message.__name__,
        "summary": row.meaning,
        "description": _description(row.guidance),
        "tags": [{"$ref": f"#/components/tags/{tag_of(row.exchange)}"}],
        "contentType": CONTENT_TYPE,
        "correlationId": {
            "location": "$message.payload#/correlationid",
            "description": "Common to all messages that follow from one command.",
        },
        "payload": {"$ref": _REFERENCES.format(model=row.message.__name__)},
        "bindings": {"amqp": {"messageType": row.type, "bindingVersion": BINDING_VERSION}},
        "examples": [
            {"name": name, "payload": json.loads(example.encode())}
            for name, example in EXAMPLES.items()
            if example.type == row.type
        ],
    }


def _description(guidance: Guidance) -> str:
    return "\n\n".join(
        (
            f"Sent by: {guidance.sender}",
            f"When: {guidance.when}",
            f"Repeats and late messages: {guidance.repeats}",
            f"What the receiver does: {guidance.receiver}",
        )
    )


def _dead_letter() -> Document:
    return {
        "name": DEAD_LETTERS,
        "title": "Dead letter",
        "summary": "A message that cannot be handled, with its body as it came.",
        "tags": [{"$ref": f"#/components/tags/{DEAD_LETTERS}"}],
        "headers": {
            "type": "object",
            "properties": {
                name: {"type": "string", "description": text}
                for name, text in _DEAD_LETTER_HEADERS.items()
            },
        },
        "payload": {"description": "The body of the message, which may be anything."},
    }
