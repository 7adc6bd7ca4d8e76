"""Reads messages: bytes become a typed message, or an error with a code and an explanation."""

from contracts.reading.decoding import BODY_MAXIMUM_BYTES, parse_json
from contracts.reading.errors import ReadErrorCode, UnreadableError
from contracts.reading.event import event_in
from contracts.reading.reader import read

__all__ = [
    "BODY_MAXIMUM_BYTES",
    "ReadErrorCode",
    "UnreadableError",
    "event_in",
    "parse_json",
    "read",
]
