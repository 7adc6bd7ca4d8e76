"""Reads messages: bytes become a typed message, or an error with a code and an explanation."""

from activation_contracts.reading.decoding import (
    BODY_MAXIMUM_BYTES,
    PUBLISHED_MAXIMUM_BYTES,
    parse_json,
)
from activation_contracts.reading.errors import ReadErrorCode, UnreadableError
from activation_contracts.reading.event import event_in
from activation_contracts.reading.reader import read

__all__ = [
    "BODY_MAXIMUM_BYTES",
    "PUBLISHED_MAXIMUM_BYTES",
    "ReadErrorCode",
    "UnreadableError",
    "event_in",
    "parse_json",
    "read",
]
