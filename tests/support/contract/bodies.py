"""What the schemas say of the body of a message that the worker has published."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import jsonschema_rs
from activation_contracts.documents.schemas import schema_of
from activation_contracts.documents.schemas.definitions import OPEN
from activation_contracts.envelope import WORKER_SOURCE
from pydantic_core import from_json

from tests.support.contract.consistency import disagreements
from tests.support.contract.sent import SENT

__all__ = ["SampleCheck", "body_problems"]

FOR_LATER_VERSIONS: Final = (OPEN, {"$ref": "#/$defs/PreviewedOther"})
"""The alternatives by which readers accept what this version does not send."""


def body_problems(body: bytes) -> list[str]:
    """In what the body is no message of the worker; empty if it is one."""
    try:
        event = from_json(body)
    except ValueError as error:
        return [f"the body is not JSON: {error}"]
    name = event.get("type") if isinstance(event, dict) else None
    row = SENT.get(name) if isinstance(name, str) else None
    if row is None:
        return [f"the worker sends no message of the type {name!r}"]
    problems = [
        f"{'.'.join(map(str, error.instance_path)) or 'the event'}: {error.message}"
        for error in _validator(row.type).iter_errors(event)
    ]
    if event.get("source") != WORKER_SOURCE:
        problems.append(f"source: {event.get('source')!r} is not {WORKER_SOURCE!r}")
    return problems or disagreements(event, body)


class SampleCheck:
    """Checks the first messages of each type, where many pass and time is measured."""

    def __init__(self, of_each_type: int = 100) -> None:
        self._maximum = of_each_type
        self._checked: dict[str, int] = {}

    def problems(self, name: str, body: bytes) -> list[str]:
        """The problems of the body of this type or kind; empty after the first messages of it."""
        count = self._checked.get(name, 0)
        if count >= self._maximum:
            return []
        self._checked[name] = count + 1
        return body_problems(body)


@cache
def _validator(name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(_closed(schema_of(SENT[name])), validate_formats=True)


def _closed(schema: Any) -> Any:
    """The schema without what readers accept for later versions: further fields and values."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema if item not in FOR_LATER_VERSIONS]
    if not isinstance(schema, Mapping):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), Mapping):
        closed.setdefault("additionalProperties", False)
    return closed
