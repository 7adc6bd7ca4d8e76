"""The schema of each message, and the bundle of all."""

from typing import Any, Final

from activation_contracts.catalogue import CATALOGUE, MessageDefinition
from activation_contracts.documents.schemas.definitions import (
    arranged,
    with_named_definitions,
    with_open_enumerations,
)
from activation_contracts.documents.schemas.docstrings import prose
from activation_contracts.documents.schemas.generator import PublishedSchemas, ReceivedSchemas

__all__ = ["DIALECT", "LOCAL_REFERENCE", "bundle", "schema_file", "schema_of"]

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
LOCAL_REFERENCE: Final = "#/$defs/{model}"

_NAMESPACE: Final = "urn:activation-worker"

_REQUIRED_OF_RECEIVED: Final = ["specversion", "id", "source", "type", "data"]
"""Including fields that have a default in Python: the worker reads no message without them."""

_CLOSED: Final = (
    "The worker ignores a field that it does not know, and refuses a value that an enumeration does"
    " not list."
)
_OPEN: Final = (
    "A later version may add fields, and values of enumerations: ignore a field that you do not"
    " know, and accept a value that you do not know."
)
_BUNDLE: Final = """\
Any message between the telephony platform and the activation worker.

Each message is a definition of its own: `#/$defs/Activate`."""


def schema_of(definition: MessageDefinition, *, references: str = LOCAL_REFERENCE) -> Schema:
    """The schema of a message. `references` is the template of its references, with `{model}`."""
    message = definition.message
    if definition.direction == "received":
        generated = message.model_json_schema(
            schema_generator=ReceivedSchemas, ref_template=references
        )
        named = with_named_definitions(generated, references)
        return _complete(named, definition, _CLOSED, required=_REQUIRED_OF_RECEIVED)
    generated = message.model_json_schema(
        mode="serialization", schema_generator=PublishedSchemas, ref_template=references
    )
    named = with_named_definitions(generated, references)
    return _complete(
        with_open_enumerations(named, references), definition, _OPEN, required=named["required"]
    )


def schema_file(definition: MessageDefinition) -> Schema:
    """The schema of a message as a document of its own, identified by the type."""
    identity = {"$schema": DIALECT, "$id": f"{_NAMESPACE}:{definition.type}"}
    return {**identity, **schema_of(definition)}


def bundle() -> Schema:
    """One document with the schemas of all messages and each shared definition once."""
    definitions: Schema = {}
    for row in CATALOGUE:
        schema = schema_of(row)
        shared = {**schema.pop("$defs"), row.message.__name__: schema}
        definitions.update(shared)
    messages = [LOCAL_REFERENCE.format(model=row.message.__name__) for row in CATALOGUE]
    return arranged(
        {
            "$schema": DIALECT,
            "$id": f"{_NAMESPACE}:messages",
            "title": "Message",
            "description": prose(_BUNDLE),
            "oneOf": [{"$ref": reference} for reference in messages],
            "$defs": definitions,
        }
    )


def _complete(
    schema: Schema, definition: MessageDefinition, rule: str, *, required: list[str]
) -> Schema:
    return arranged(
        {
            **schema,
            "title": definition.message.__name__,
            "description": f"{schema['description']}\n\n{rule}",
            "required": required,
        }
    )
