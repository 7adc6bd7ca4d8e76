"""The exported files, and walks through their schemas."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import activation_contracts

__all__ = ["EXPORTED", "SCHEMA_FILES", "Schema", "exported", "subschemas"]

EXPORTED = Path(activation_contracts.__file__).with_name("exported")

SCHEMA_FILES = [
    "schemas.json",
    *(f"schemas/{path.name}" for path in sorted((EXPORTED / "schemas").glob("*.json"))),
]
"""The bundle and the schema of each message."""

Schema = dict[str, Any]


def exported(name: str) -> Schema:
    """The content of an exported file."""
    content: Schema = json.loads((EXPORTED / name).read_text(encoding="utf-8"))
    return content


def subschemas(schema: Schema, place: str = "#") -> Iterator[tuple[str, Schema]]:
    """A schema and all schemas within it, each with its place."""
    yield place, schema
    for key in ("properties", "$defs"):
        for name, content in schema.get(key, {}).items():
            if content:
                yield from subschemas(content, f"{place}/{key}/{name}")
    for key in ("allOf", "anyOf", "oneOf"):
        for index, content in enumerate(schema.get(key, ())):
            yield from subschemas(content, f"{place}/{key}/{index}")
    for key in ("items", "not"):
        if key in schema:
            yield from subschemas(schema[key], f"{place}/{key}")
