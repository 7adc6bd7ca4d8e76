"""Message ids that are derived from a command, so that a repeated message has the same id."""

import json
from typing import Final
from uuid import UUID, uuid5

__all__ = ["NAMESPACE", "derived_id"]

NAMESPACE: Final = UUID("5ca1ab1e-0000-5000-8000-7e1e90a11001")
"""Never changes: with another value, a repeated message would have a new id."""


def derived_id(command_source: str, command_id: str, *subject: str) -> str:
    """The id of the message about `subject` that follows from this command.

    A UUID of version 5 (RFC 9562) of the JSON array of all arguments.
    """
    # JSON, because no separator is safe: a source, a command id or a device id may contain any
    # character, and two commands must not share an id.
    return str(uuid5(NAMESPACE, json.dumps([command_source, command_id, *subject])))
