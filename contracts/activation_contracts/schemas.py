"""JSON Schemas (2020-12) of the messages, generated from their classes.

The schema of a received message requires what the worker needs; docs/reading.md lists what the
worker reads beyond it. The schema of a published message requires what the worker always writes.
Additional fields are allowed, because a version may get new fields.
"""

from typing import Any, Final

# pydantic's schema generator is made for subclassing, and its signatures use types of
# pydantic_core. pydantic requires pydantic_core and typing_extensions (`typing.override` needs
# Python 3.12) in versions of its own choice, so they are not declared as dependencies.
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from activation_contracts.catalogue import MessageDefinition

__all__ = ["DIALECT", "LOCAL_REFERENCE", "schema_of"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
LOCAL_REFERENCE: Final = "#/$defs/{model}"

_REQUIRED_OF_COMMANDS: Final = ["specversion", "id", "source", "type", "data"]
"""Including fields that have a default in Python: the worker does not read a command without."""

Field = core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField


class _Received(GenerateJsonSchema):
    """Omits the title of each field and its default, which pydantic would add."""

    @override
    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


class _Published(_Received):
    """Optional fields are never null; all other fields are required."""

    @override
    def field_is_required(self, field: Field, total: bool) -> bool:
        return not _is_omittable(field["schema"])

    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = schema["schema"]
        if _is_omittable(schema) and inner["type"] == "nullable":
            return self.generate_inner(inner["schema"])
        return self.generate_inner(inner)


def schema_of(
    definition: MessageDefinition, *, references: str = LOCAL_REFERENCE
) -> dict[str, Any]:
    """The schema of a message. `references` is the template of its references, with `{model}`."""
    message = definition.message
    if definition.direction != "received":
        return message.model_json_schema(
            mode="serialization", schema_generator=_Published, ref_template=references
        )
    schema = message.model_json_schema(schema_generator=_Received, ref_template=references)
    return {**schema, "required": _REQUIRED_OF_COMMANDS}


def _is_omittable(schema: core_schema.CoreSchema) -> bool:
    return schema["type"] == "default" and schema.get("default", ...) is None
