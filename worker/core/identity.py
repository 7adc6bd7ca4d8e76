"""Ids that are derived, so that a repeat says the same under the same id."""

import json
from typing import Final
from uuid import UUID, uuid5

__all__ = ["derived_id"]

NAMESPACE: Final = UUID("5ca1ab1e-0000-5000-8000-7e1e90a11001")
"""Fixed for ever: another value would give every repeated message a new id."""


def derived_id(command_source: str, command_id: str, *about: str) -> str:
    """The id of the message that follows from this command and is about these things."""
    # As JSON, because no separator is safe: a source, an id and a device id may contain any
    # character, and two commands could have got one id.
    return str(uuid5(NAMESPACE, json.dumps([command_source, command_id, *about])))
