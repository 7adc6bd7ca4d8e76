"""Builds examples of what clients send: each changes a plain activation.

`forgiven` and `refused` hold them. The tables of docs/reading.md are generated from these modules,
and a test reads each example.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from activation_contracts.reading.event import NO_HEADERS

__all__ = ["DATA", "PLAIN", "Sent", "binary_mode", "changed", "changed_each", "without"]


class Sent(NamedTuple):
    """A message as a client sends it."""

    body: bytes
    content_type: str | None = "application/cloudevents+json"
    content_encoding: str | None = None
    headers: Mapping[str, object] = NO_HEADERS


DATA: Final[dict[str, Any]] = {
    "phone_number": "+442079460201",
    "account_id": "acme",
    "site_id": "london-1",
}
_EVENT: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "id": "8f2c1d3e-6b0a-4c55-9a77-0d6f1e2b3c41",
    "source": "/web-tier",
    "type": "telephony.phone_number.activate.v1",
    "data": DATA,
}


def changed(**changes: object) -> Sent:
    """The activation with these attributes."""
    return Sent(json.dumps({**_EVENT, **changes}).encode())


def without(*names: str, **changes: object) -> Sent:
    """The activation without the attributes of these names, and with other ones."""
    event = {name: value for name, value in _EVENT.items() if name not in names}
    return Sent(json.dumps({**event, **changes}).encode())


def changed_each(values: tuple[object, ...], *names: str) -> tuple[Sent, ...]:
    """The activation with each of the values for each of the attributes."""
    return tuple(changed(**{name: value}) for name in names for value in values)


def binary_mode(name: Callable[[str], str], **changes: object) -> Sent:
    """The activation in binary mode; `name` names the header of an attribute."""
    attributes = {key: value for key, value in _EVENT.items() if key != "data"} | changes
    headers = {name(key): value for key, value in attributes.items()}
    return Sent(json.dumps(DATA).encode(), "application/json", headers=headers)


PLAIN: Final = changed()
"""The message that all examples change; every forgiven one is read like it."""
