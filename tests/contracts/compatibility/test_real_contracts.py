"""The comparison of the contracts as they are: with themselves, with each field changed."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
from activation_contracts.catalogue import CATALOGUE, MessageDefinition
from activation_contracts.documents.schemas import schema_of

from tests.contracts.compatibility.verdicts import judge_message
from tests.support.quick import parametrize_quick

Schema = Mapping[str, Any]
Change = Callable[[dict[str, Any], str], bool]
"""Changes a field of the schema of an object in place; False if there is nothing to change."""

KINDS = (
    "telephony.phone_number.activate.v1",
    "telephony.phone_number.report.v1",
    "telephony.directory.phone_number.v1",
    "telephony.phone_number.operation_delayed.v1",
)
"""A flat message, one with conditions, one with alternatives, and one that is sent."""
ROWS = sorted(CATALOGUE, key=lambda row: row.type not in KINDS)


def objects_in(node: Any) -> Iterator[dict[str, Any]]:
    """All schemas of objects with fields."""
    if isinstance(node, dict):
        if node.get("type") == "object" and node.get("properties"):
            yield node
        for inner in node.values():
            yield from objects_in(inner)
    if isinstance(node, list):
        for inner in node:
            yield from objects_in(inner)


def changed(schema: Schema, change: Change) -> Iterator[tuple[str, Schema, Schema]]:
    """Each object of the schema with each of its fields changed: the field, the old, the new."""
    for found in objects_in(schema):
        for name in found["properties"]:
            old = {"$defs": schema.get("$defs", {}), **found}
            new = deepcopy(old)
            if change(new, name):
                yield name, old, new


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.type)
def test_a_message_is_compatible_with_itself(row: MessageDefinition) -> None:
    schema = schema_of(row)

    assert judge_message(row.type, row.direction, schema, deepcopy(schema)) == []


def drop(found: dict[str, Any], name: str) -> bool:
    del found["properties"][name]
    found["required"] = [it for it in found.get("required", ()) if it != name]
    return True


def require(found: dict[str, Any], name: str) -> bool:
    if name in found.get("required", ()):
        return False
    found["required"] = [*found.get("required", ()), name]
    return True


def make_optional(found: dict[str, Any], name: str) -> bool:
    if name not in found.get("required", ()):
        return False
    found["required"] = [it for it in found["required"] if it != name]
    return True


@pytest.mark.parametrize(
    ("change", "breaks_received", "breaks_sent"),
    [
        (drop, True, True),
        (require, True, False),
        (make_optional, False, True),
    ],
    ids=lambda it: it.__name__ if callable(it) else None,
)
@parametrize_quick("row", ROWS, quick=len(KINDS), ids=lambda row: row.type)
def test_a_change_of_any_field_of_any_message_is_judged(
    row: MessageDefinition, change: Change, *, breaks_received: bool, breaks_sent: bool
) -> None:
    schema = schema_of(row)
    expected = breaks_received if row.direction == "received" else breaks_sent
    misjudged = [
        name for name, old, new in changed(schema, change) if is_break(row, old, new) != expected
    ]

    assert misjudged == []


def is_break(row: MessageDefinition, old: Schema, new: Schema) -> bool:
    return any(it.is_break for it in judge_message(row.type, row.direction, old, new))
