"""Ids and fingerprints that are derived, so that a repeat says the same under the same id."""

import hashlib
import json
from typing import Final
from uuid import UUID, uuid5

from contracts.messages import Command

__all__ = ["derived_id", "fingerprint"]

NAMESPACE: Final = UUID("5ca1ab1e-0000-5000-8000-7e1e90a11001")
"""Fixed for ever: another value would give every repeated message a new id."""


def derived_id(command_source: str, command_id: str, *about: str) -> str:
    """The id of the message that follows from this command and is about these things."""
    # As JSON, because no separator is safe: a source, an id and a device id may contain any
    # character, and two commands could have got one id.
    return str(uuid5(NAMESPACE, json.dumps([command_source, command_id, *about])))


def fingerprint(command: Command) -> str:
    """What makes two commands with one id the same command: their type and their payload.

    The envelope does not count: a resend may carry another time, trace or expiry.
    """
    # By name and without what is absent: a field that a later version adds changes no fingerprint.
    content = {"type": command.type, **command.data.model_dump(exclude_none=True)}
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()
