"""What holds for any two schemas."""

from typing import Any

import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as some

from tests.contracts.compatibility.containment import differences
from tests.contracts.compatibility.forms import Document

Schema = dict[str, Any]

NAMES = ("a", "b")
small = some.integers(0, 3)
scalars: some.SearchStrategy[Any] = some.one_of(
    some.none(), some.booleans(), small, some.sampled_from(["", "x", "xy", "2026-11-24"])
)


def _limited(name: str, low: str, high: str) -> some.SearchStrategy[Schema]:
    return some.fixed_dictionaries({"type": some.just(name)}, optional={low: small, high: small})


leaves: some.SearchStrategy[Schema] = some.one_of(
    some.just({}),
    some.sampled_from(["null", "boolean", "string"]).map(lambda name: {"type": name}),
    _limited("integer", "minimum", "maximum"),
    _limited("number", "exclusiveMinimum", "exclusiveMaximum"),
    _limited("string", "minLength", "maxLength"),
    some.sampled_from(["^x*$", "x", "^xy?$"]).map(lambda it: {"type": "string", "pattern": it}),
    some.just({"type": "string", "format": "date"}),
    some.lists(scalars, min_size=1, max_size=3).map(lambda values: {"enum": values}),
    scalars.map(lambda value: {"const": value}),
)


def _larger(inner: some.SearchStrategy[Schema]) -> some.SearchStrategy[Schema]:
    return some.one_of(
        some.fixed_dictionaries(
            {
                "type": some.just("object"),
                "properties": some.dictionaries(some.sampled_from(NAMES), inner),
            },
            optional={
                "required": some.lists(some.sampled_from(NAMES), unique=True),
                "additionalProperties": some.booleans(),
            },
        ),
        some.fixed_dictionaries(
            {"type": some.just("array"), "items": inner},
            optional={"maxItems": small, "minItems": small, "uniqueItems": some.booleans()},
        ),
        some.lists(inner, min_size=1, max_size=2).map(lambda schemas: {"anyOf": schemas}),
        some.lists(inner, min_size=1, max_size=2).map(lambda schemas: {"allOf": schemas}),
    )


schemas = some.recursive(leaves, _larger, max_leaves=4)
values = some.recursive(
    scalars,
    lambda inner: (
        some.lists(inner, max_size=3) | some.dictionaries(some.sampled_from(NAMES), inner)
    ),
    max_leaves=5,
)


@given(schema=schemas)
def test_a_schema_has_no_difference_to_itself(schema: Schema) -> None:
    assert differences(Document(schema), Document(schema)) == []


@given(old=schemas, new=schemas, value=values)
def test_no_value_contradicts_a_comparison_without_differences(
    old: Schema, new: Schema, value: Any
) -> None:
    # Fields that a schema does not declare count as not sent: close it.
    inner = _closed(old)
    if not differences(Document(inner), Document(new)) and jsonschema_rs.is_valid(inner, value):
        assert jsonschema_rs.is_valid(new, value)


def _closed(schema: Schema) -> Schema:
    """The schema whose objects have no undeclared fields."""
    closed = {
        name: [_closed(it) for it in value] if name in {"anyOf", "allOf"} else value
        for name, value in schema.items()
    }
    if schema.get("type") == "object":
        fields = {name: _closed(it) for name, it in schema["properties"].items()}
        closed |= {"properties": fields, "additionalProperties": False}
    if "items" in schema:
        closed["items"] = _closed(schema["items"])
    return closed
