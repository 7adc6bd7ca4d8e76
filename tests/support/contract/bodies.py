"""What the schemas say of the body of a message that the worker has published."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import jsonschema_rs
from activation_contracts.catalogue import CATALOGUE
from activation_contracts.envelope import WORKER_SOURCE
from activation_contracts.schemas import schema_of
from pydantic_core import from_json

__all__ = ["SENT", "SampleCheck", "body_problems"]

SENT: Final = {row.type: row for row in CATALOGUE if row.direction != "received"}
"""The messages that the worker sends, by type."""


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
    return problems


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
    """The schema without further fields: readers ignore them, but the worker declares all."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), Mapping):
        closed.setdefault("additionalProperties", False)
    return closed
