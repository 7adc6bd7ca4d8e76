"""Reshapes generated schemas: named types become definitions, published enumerations are open."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from activation_contracts.described import DEFINITION

__all__ = ["OPEN", "arranged", "with_named_definitions", "with_open_enumerations"]

Schema = dict[str, Any]

OPEN: Final[Schema] = {
    "description": "A value that a later version adds.",
    "type": "string",
}
"""The alternative to the listed values of an enumeration that the worker publishes."""

_KEYS: Final = (
    *("$schema", "$id", "title", "description", "$ref", "type", "const", "enum"),
    *("format", "pattern", "not", "minLength", "maxLength", "minimum", "maximum", "items"),
    *("maxItems", "properties", "required", "additionalProperties"),
    *("allOf", "anyOf", "oneOf", "examples", "$defs"),
)
"""In the order in which a person reads them."""


def with_named_definitions(schema: Schema, references: str) -> Schema:
    """The schema with each named type as a definition. `references` is as in `schema_of`."""
    definitions: Schema = {}

    def moved(part: Schema) -> Schema:
        if DEFINITION not in part:
            return part
        definitions[part[DEFINITION]] = _without(part, DEFINITION)
        return {"$ref": references.format(model=part[DEFINITION])}

    content = _changed(schema, moved)
    return {**content, "$defs": {**content.get("$defs", {}), **definitions}}


def with_open_enumerations(schema: Schema, references: str) -> Schema:
    """The schema with any string allowed wherever an enumeration is used.

    The enumerations themselves list the known values.
    """
    enumerations = {
        references.format(model=name)
        for name, definition in schema["$defs"].items()
        if _is_enumeration(definition)
    }

    def opened(part: Schema) -> Schema:
        is_closed = part.get("$ref") in enumerations
        return {"anyOf": [part, OPEN]} if is_closed else _flattened(part)

    return _changed(schema, opened)


def arranged(schema: Schema) -> Schema:
    """The schema with its keys in the order in which a person reads them."""
    return {key: _arranged_value(key, schema[key]) for key in sorted(schema, key=_KEYS.index)}


def _arranged_value(key: str, value: object) -> object:
    match key, value:
        case "properties", dict():
            return {name: arranged(it) if it else it for name, it in value.items()}
        case "$defs", dict():
            return {name: arranged(value[name]) for name in sorted(value)}
        case (("allOf" | "anyOf" | "oneOf"), list()):
            return [arranged(it) for it in value]
        case _, dict():
            return arranged(value)
        case _:
            return value


def _changed(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """The schema after a change of each of its parts, the innermost first."""
    return change({key: _changed_value(value, change) for key, value in schema.items()})


def _changed_value(value: object, change: Callable[[Schema], Schema]) -> object:
    if isinstance(value, list):
        return [_changed_value(item, change) for item in value]
    return _changed(value, change) if isinstance(value, dict) else value


def _without(schema: Schema, key: str) -> Schema:
    return {name: value for name, value in schema.items() if name != key}


def _is_enumeration(definition: Mapping[str, Any]) -> bool:
    return definition.get("type") == "string" and ("enum" in definition or "const" in definition)


def _flattened(node: Schema) -> Schema:
    """Without an `allOf` or `anyOf` that only wraps another `anyOf`."""
    match node:
        case {"allOf": [{"anyOf": alternatives}]}:
            return {**_without(node, "allOf"), "anyOf": alternatives}
        case {"anyOf": [{"anyOf": alternatives}, *more]}:
            return {**node, "anyOf": [*alternatives, *more]}
        case _:
            return node
