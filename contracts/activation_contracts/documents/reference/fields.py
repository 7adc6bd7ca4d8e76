"""The fields of a schema as rows of a table, nested objects included."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from activation_contracts.catalogue import CATALOGUE, MessageDefinition
from activation_contracts.documents.schemas import schema_of
from activation_contracts.documents.schemas.definitions import OPEN

__all__ = ["Field", "alternatives", "fields", "first_paragraph"]

Schema = Mapping[str, Any]
Definitions = Mapping[str, Schema]

VALUES_MAXIMUM: Final = 6
"""An enumeration with more values is explained in its own place only."""

_REFERENCE: Final = "#/$defs/"
_PLAIN: Final = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "object",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field, with the path that leads to it."""

    path: str
    type: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True)
class _Shape:
    """A schema without what only wraps it."""

    names: tuple[str, ...]
    """The definitions, one of which applies; none for a plain type."""
    schema: Schema
    is_nullable: bool = False
    is_list: bool = False


def alternatives(row: MessageDefinition) -> tuple[tuple[Schema, Definitions], ...]:
    """The schemas of the payload, one of which applies, each with the definitions it uses."""
    schema = schema_of(row)
    definitions = schema["$defs"]
    names = _shape(schema["properties"]["data"]).names
    return tuple((definitions[name], definitions) for name in names)


def fields(schema: Schema, definitions: Definitions) -> tuple[Field, ...]:
    """The fields of an object, each followed by those of the objects in it."""
    return tuple(_fields(schema, definitions, "", {}))


def _fields(
    schema: Schema, definitions: Definitions, within: str, shown: dict[str, str]
) -> Iterator[Field]:
    """`shown` holds the objects whose fields the table has already, and where."""
    for name, content in schema["properties"].items():
        path = f"{within}{name}"
        shape = _shape(content)
        targets = [definitions[it] for it in shape.names]
        nested = shape.names[0] if [it for it in targets if "properties" in it] else ""
        yield Field(
            path,
            _type(shape, targets, shown.get(nested)),
            name in schema.get("required", ()),
            _description(content, shape, targets),
        )
        inner = _common(targets)
        if inner and nested and nested not in shown:
            shown[nested] = path
            below = path + ("[]." if shape.is_list else ".")
            yield from _fields(inner, definitions, below, shown)


def _common(targets: list[Schema]) -> Schema | None:
    """The one schema that shows all alternatives; None if their fields have different names."""
    if len(targets) == 1:
        return targets[0]
    each = [target.get("properties", {}) for target in targets]
    if not each or any(it.keys() != each[0].keys() for it in each):
        return None
    properties = {name: _either([it[name] for it in each]) for name in each[0]}
    return {"properties": properties, "required": targets[0].get("required", ())}


def _either(contents: list[Schema]) -> Schema:
    """One field that is another in each alternative."""
    if all(it == contents[0] for it in contents):
        return contents[0]
    description = contents[0]["description"]
    if values := [value for it in contents for value in _values(it)]:
        return {"description": description, "type": "string", "enum": values}
    return {"description": description, "anyOf": contents}


def first_paragraph(text: str) -> str:
    """Without what follows."""
    return text.split("\n\n", maxsplit=1)[0]


def _shape(content: Schema) -> _Shape:
    if content.get("type") == "array":
        item = _shape(content["items"])
        return _Shape(item.names, item.schema, is_list=True)
    if "$ref" in content:
        return _Shape((str(content["$ref"]).removeprefix(_REFERENCE),), content)
    choices = next((content[key] for key in ("allOf", "anyOf", "oneOf") if key in content), None)
    if choices is None:
        kinds = content.get("type")
        return _Shape((), content, is_nullable=isinstance(kinds, list) and "null" in kinds)
    inner = [_shape(it) for it in choices if it not in (OPEN, {"type": "null"})]
    names = tuple(name for it in inner for name in it.names)
    return _Shape(names, inner[0].schema, {"type": "null"} in choices, inner[0].is_list)


def _type(shape: _Shape, targets: list[Schema], like: str | None) -> str:
    words = _word(shape, targets)
    if like is not None:
        words += f", like `{like}`"
    return f"{words}, or null" if shape.is_nullable else words


def _word(shape: _Shape, targets: list[Schema]) -> str:
    if len(targets) > 1 and _common(targets) is None:
        payloads = _payloads()
        return "`data` of " + " or ".join(f"`{payloads[name]}`" for name in shape.names)
    if targets and "properties" not in targets[0]:
        return f"list of `{shape.names[0]}`" if shape.is_list else f"`{shape.names[0]}`"
    word = "object" if targets else _plain(shape.schema)
    return f"list of {word}s" if shape.is_list else word


def _plain(schema: Schema) -> str:
    kinds = schema["type"]
    kind = next(it for it in kinds if it != "null") if isinstance(kinds, list) else kinds
    if schema.get("format") == "date":
        return "date, as in `2026-11-24`"
    if "maxLength" in schema:
        return f"text, at most {schema['maxLength']} characters"
    return _PLAIN[kind]


def _payloads() -> Mapping[str, str]:
    """The types of messages, by the name of their payload."""
    return {
        name: row.type
        for row in CATALOGUE
        for name in _shape(schema_of(row)["properties"]["data"]).names
    }


def _description(content: Schema, shape: _Shape, targets: list[Schema]) -> str:
    own = content.get("description")
    text = own or " ".join(first_paragraph(it["description"]) for it in targets)
    values = [value for it in (shape.schema, *targets) for value in _values(it)]
    if not values or len(values) > VALUES_MAXIMUM:
        return str(text)
    listed = ", ".join(f"`{value}`" for value in values)
    return f"{text} Always {listed}." if len(values) == 1 else f"{text} One of {listed}."


def _values(schema: Schema) -> list[str]:
    if "const" in schema:
        value = schema["const"]
        return [str(value).lower() if isinstance(value, bool) else str(value)]
    return list(schema.get("enum", ()))
