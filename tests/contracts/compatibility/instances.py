"""Small values that match a schema, to show what a difference means."""

from typing import Final

from tests.contracts.compatibility.forms import Document, Form, Json, Schema
from tests.contracts.compatibility.patterns import some_string

__all__ = ["NoInstance", "instance", "instance_of", "text_of_length"]

FORMATTED: Final = {
    "date-time": "2026-11-24T09:00:00Z",
    "date": "2026-11-24",
    "time": "09:00:00Z",
    "uuid": "8f2c1d3e-6b0a-4c55-9a77-0d6f1e2b3c41",
    "uri": "https://example.org/",
    "uri-reference": "/example",
}


class NoInstance(Exception):
    """No value was found; there may be one."""


def instance(document: Document, *schemas: Schema) -> Json:
    """A value that matches all of these schemas, null if it may be anything."""
    for form in document.forms(*schemas):
        return instance_of(document, form)
    raise NoInstance


def instance_of(document: Document, form: Form) -> Json:
    """A value that has this form: a small one; an object has only the required fields."""
    if form.values is not None:
        return form.values[0]
    match form.type:
        case "number":
            return _number(form)
        case "string":
            return _text(form)
        case "array":
            count = int(form.limits.get("minItems", 0))
            return [instance(document, *form.items) for _ in range(count)]
        case _:
            return {
                name: instance(document, *form.properties.get(name, form.additional))
                for name in sorted(form.required)
            }


def text_of_length(form: Form, length: int) -> str:
    """A text of this length that matches the patterns of the form."""
    if form.formats or length < 0:
        raise NoInstance
    if not form.patterns:
        return "x" * length
    found = some_string(form.patterns, shortest=length, longest=length)
    if found is None or len(found) != length:
        raise NoInstance
    return found


def _number(form: Form) -> float:
    limits = form.limits
    lowest = max(limits.get("minimum", 0), limits.get("exclusiveMinimum", -1) + 1)
    return min(
        lowest, limits.get("maximum", lowest), limits.get("exclusiveMaximum", lowest + 1) - 1
    )


def _text(form: Form) -> str:
    for name in sorted(form.formats & FORMATTED.keys()):
        return FORMATTED[name]
    shortest = int(form.limits.get("minLength", 0))
    found = some_string(form.patterns, shortest=shortest) if form.patterns else "x" * shortest
    if found is None:
        raise NoInstance
    return found
