"""Enumerations are closed in what the worker receives, and open in what it publishes."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from activation_contracts.catalogue import (
    CATALOGUE,
    COMMANDS,
    DIRECTORY,
    EVENTS,
    PBX_MESSAGES,
    REPORTS,
    RESULTS,
)
from activation_contracts.documents.schemas import schema_of
from activation_contracts.envelope import CONTENT_TYPE, Envelope
from activation_contracts.examples import EXAMPLES
from activation_contracts.reading import ReadErrorCode, UnreadableError, read
from jsonschema import Draft202012Validator

from tests.contracts.exported import Schema

Path = tuple[str | int, ...]

NEW = "SOMETHING_NEW"
BY_TYPE = {row.type: row for row in CATALOGUE}
RECEIVED = {**COMMANDS, **REPORTS, **RESULTS, **DIRECTORY}
PUBLISHED: dict[str, type[Envelope]] = {**EVENTS, **PBX_MESSAGES}


def enumerated(schema: Schema, root: Schema, value: Any, path: Path = ()) -> Iterator[Path]:
    """The places in the value that are enumerations in its schema."""
    # A constant in `data` is an enumeration of one value.
    if path[:1] == ("data",) and isinstance(value, str) and schema.keys() & {"enum", "const"}:
        yield path
    for part in alternatives(schema, root):
        yield from enumerated(part, root, value, path)
    for part, inner, name in children(schema, value):
        yield from enumerated(part, root, inner, (*path, name))


def alternatives(schema: Schema, root: Schema) -> Iterator[Schema]:
    if "$ref" in schema:
        yield root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    for key in ("allOf", "anyOf", "oneOf"):
        yield from schema.get(key, ())


def children(schema: Schema, value: Any) -> Iterator[tuple[Schema, Any, str | int]]:
    if isinstance(value, dict):
        for name in value.keys() & schema.get("properties", {}).keys():
            yield schema["properties"][name], value[name], name
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield schema["items"], item, index


def with_new_value(event: dict[str, Any], path: Path) -> dict[str, Any]:
    changed = copy.deepcopy(event)
    node: Any = changed
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = NEW
    return changed


def rows(*directions: str) -> list[Any]:
    """Each enumeration of each example: the schema of the message, and the event changed there."""
    found = []
    for name, message in EXAMPLES.items():
        row = BY_TYPE[message.type]
        if row.direction in directions:
            schema = schema_of(row)
            event = json.loads(message.encode())
            paths = sorted(set(enumerated(schema, schema, event)), key=str)
            found += [
                pytest.param(
                    schema, with_new_value(event, path), id=f"{name}-{'.'.join(map(str, path))}"
                )
                for path in paths
            ]
    return found


@pytest.mark.parametrize(("schema", "event"), rows("published", "replied"))
def test_a_reader_accepts_a_new_value_of_an_enumeration(
    schema: Schema, event: dict[str, Any]
) -> None:
    Draft202012Validator(schema).validate(event)


@pytest.mark.parametrize(("_schema", "event"), rows("published"))
def test_python_clients_read_a_new_value_of_an_enumeration_as_text(
    _schema: Schema, event: dict[str, Any]
) -> None:
    message = read(json.dumps(event).encode(), CONTENT_TYPE, PUBLISHED)

    assert message.model_dump(mode="json", warnings=False, exclude_unset=True) == event


@pytest.mark.parametrize(("schema", "event"), rows("received"))
def test_worker_refuses_a_value_that_an_enumeration_does_not_list(
    schema: Schema, event: dict[str, Any]
) -> None:
    assert not Draft202012Validator(schema).is_valid(event)
    with pytest.raises(UnreadableError) as refused:
        read(json.dumps(event).encode(), CONTENT_TYPE, RECEIVED)
    assert refused.value.code is ReadErrorCode.INVALID
