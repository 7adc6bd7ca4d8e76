"""Generates the schema of one message class, as pydantic does, in the form of our contracts."""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

# pydantic's schema generator is made for subclassing, and its signatures use types of
# pydantic_core.
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from activation_contracts.described import DEFINITION
from activation_contracts.documents.schemas.docstrings import attribute_docstrings, prose
from activation_contracts.refusals import REFUSALS, RefusalCode

__all__ = ["PublishedSchemas", "ReceivedSchemas"]

Field = core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField
Part = core_schema.CoreSchema | Field | core_schema.ComputedField

_REFUSAL_MEANINGS: Final[Mapping[str, str]] = {
    refusal.code.name: refusal.meaning for refusal in REFUSALS
}

_WIDE_ESCAPE: Final = re.compile(r"\\u([0-9a-f]{4})")


class ReceivedSchemas(GenerateJsonSchema):
    """Schemas of received messages: an optional field is left out, never null.

    Titles and defaults, which pydantic would add, are omitted; docstrings become descriptions.
    """

    @override
    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    @override
    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        generated = super().model_schema(schema)
        documented = attribute_docstrings(schema["cls"])
        properties = {
            name: _described(content, documented[name]) if name in documented else content
            for name, content in generated["properties"].items()
        }
        described = {**generated, "description": prose(generated["description"])}
        del described["title"]
        return {**described, "properties": properties}

    @override
    def generate_inner(self, schema: Part) -> JsonSchemaValue:
        if schema["type"] == "enum":
            # Without what pydantic says about it: it would replace the result of `enum_schema`.
            schema = {**schema, "metadata": {}}
        return super().generate_inner(schema)

    @override
    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        generated = super().enum_schema(schema)
        meanings = _meanings(schema["cls"])
        values = "\n".join(f"- `{it.value}`: {meanings[it.name]}" for it in schema["members"])
        text = f"{prose(generated['description'])}\n\n{values}"
        return {"description": text, "type": "string", "enum": generated["enum"]}

    @override
    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        generated = super().str_schema(schema)
        if "pattern" in generated:
            generated["pattern"] = _portable(generated["pattern"])
        return generated

    @override
    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        return {
            **super().datetime_schema(schema),
            "description": "A moment in the form of RFC 3339, with a zone.",
            "examples": ["2026-11-24T09:00:00Z"],
            DEFINITION: "Timestamp",
        }

    @override
    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        if isinstance(inner.get("type"), str) and DEFINITION not in inner:
            return {**inner, "type": [inner["type"], "null"]}
        return {"anyOf": [inner, {"type": "null"}]}

    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = schema["schema"]
        if _is_omittable(schema) and inner["type"] == "nullable":
            return self.generate_inner(inner["schema"])
        return self.generate_inner(inner)


class PublishedSchemas(ReceivedSchemas):
    """Schemas of published messages: what the worker always writes is required."""

    @override
    def field_is_required(self, field: Field, total: bool) -> bool:
        return not _is_omittable(field["schema"])


def _meanings(enumeration: type[Enum]) -> Mapping[str, str]:
    """The meaning of each member, by its name."""
    if enumeration is RefusalCode:
        return _REFUSAL_MEANINGS
    return attribute_docstrings(enumeration)


def _described(content: JsonSchemaValue, description: str) -> dict[str, Any]:
    """The schema with this description; that of a definition to which it refers is not changed."""
    if "$ref" in content or DEFINITION in content:
        return {"description": description, "allOf": [content]}
    return {**content, "description": description}


def _portable(pattern: str) -> str:
    r"""The pattern in a form that means the same in ECMA 262, PCRE2, RE2, Java and Python.

    They share `\xhh`. For other characters they have different escapes, so these stand for
    themselves.
    """
    return _WIDE_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), pattern)


def _is_omittable(schema: core_schema.CoreSchema) -> bool:
    return schema["type"] == "default" and schema.get("default", ...) is None
