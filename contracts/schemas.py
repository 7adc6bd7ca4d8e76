"""JSON Schemas (2020-12) of the messages, as honest as the classes behind them.

For what the worker reads they say what it needs; for what it writes, what is always there. What
they do not name is allowed: new fields may come within a version.
"""

from typing import Any, Final

# pydantic's schema generator is made to be subclassed, and speaks in the types of pydantic_core.
# That and typing_extensions (`override` is in `typing` only since 3.12) are pydantic's own
# requirements, in versions that it chooses; so they are not declared beside it.
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from contracts.catalogue import MessageDefinition

__all__ = ["DIALECT", "INSIDE_THE_SCHEMA", "schema_of"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
INSIDE_THE_SCHEMA: Final = "#/$defs/{model}"

_REQUIRED_OF_COMMANDS: Final = ["specversion", "id", "source", "type", "data"]
"""Those with a default in Python included: a command without them is not read."""

Field = core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField


class _Plain(GenerateJsonSchema):
    """Without what pydantic adds for Python's sake: a title for each field, and defaults."""

    @override
    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


class _Written(_Plain):
    """What is left out when it is None is never null; all the rest is always written."""

    @override
    def field_is_required(self, field: Field, total: bool) -> bool:
        return not _is_left_out_when_none(field["schema"])

    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = schema["schema"]
        if _is_left_out_when_none(schema) and inner["type"] == "nullable":
            return self.generate_inner(inner["schema"])
        return self.generate_inner(inner)


def schema_of(
    definition: MessageDefinition, *, references: str = INSIDE_THE_SCHEMA
) -> dict[str, Any]:
    """The schema of a message. `references` says where its parts stand, with `{model}` in it."""
    message = definition.message
    if definition.direction == "published":
        return message.model_json_schema(
            mode="serialization", schema_generator=_Written, ref_template=references
        )
    schema = message.model_json_schema(schema_generator=_Plain, ref_template=references)
    return {**schema, "required": _REQUIRED_OF_COMMANDS}


def _is_left_out_when_none(schema: core_schema.CoreSchema) -> bool:
    return schema["type"] == "default" and schema.get("default", ...) is None
