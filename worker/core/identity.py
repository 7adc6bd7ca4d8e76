"""Ids that are derived, so that a repeat says the same under the same id."""

import hashlib
from json.encoder import encode_basestring_ascii as _as_json
from typing import Final
from uuid import UUID

__all__ = ["derived_id"]

NAMESPACE: Final = UUID("5ca1ab1e-0000-5000-8000-7e1e90a11001")
"""Fixed for ever: another value would give every repeated message a new id."""
_NAMESPACE: Final = NAMESPACE.bytes


def derived_id(command_source: str, command_id: str, *about: str) -> str:
    """The id of the message that follows from this command and is about these things.

    A UUID of version 5 (RFC 9562) of their JSON.
    """
    # As JSON, because no separator is safe: a source, an id and a device id may contain any
    # character, and two commands could have got one id.
    things = f"[{', '.join(map(_as_json, (command_source, command_id, *about)))}]"
    # `uuid5` and `json.dumps` say the same, and are three times as slow.
    hashed = hashlib.sha1(_NAMESPACE + things.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(hashed[16], 16) & 3]
    return f"{hashed[:8]}-{hashed[8:12]}-5{hashed[13:16]}-{variant}{hashed[17:20]}-{hashed[20:32]}"
