"""Reads AMQP properties that the library cannot read: a message counts by its body.

One such property ends the library's connection before we see the message, at each delivery again,
until all that the worker had fetched with it lies among the dead letters. A timestamp in
microseconds is enough. There is no hook for it, so the decoders themselves are replaced.
"""

from collections.abc import Callable
from datetime import datetime

from pamqp import decode
from pamqp.common import FieldTable

__all__ = ["decode_tolerantly"]

UNREADABLE_HEADERS = "x-unreadable-headers"
"""Where headers stand, as text, that could not be read one by one."""


def decode_tolerantly() -> None:
    """Replaces the decoders, for the whole process; again does no harm."""
    decode.METHODS.update(shortstr=_short, longstr=_long, timestamp=_timestamp, table=_table)
    decode.TABLE_MAPPING.update({b"S": _long, b"T": _timestamp, b"F": _table})


def _short(value: bytes) -> tuple[int, str]:
    end = 1 + (value[0] if value else 0)
    return end, _text(value[1:end])


def _long(value: bytes) -> tuple[int, str]:
    end = 4 + int.from_bytes(value[:4], "big")
    return end, _text(value[4:end])


def _timestamp(value: bytes) -> tuple[int, datetime | None]:
    try:
        return _STRICT_TIMESTAMP(value)
    except (ValueError, OverflowError, OSError):
        return 8, None


def _table(value: bytes) -> tuple[int, FieldTable]:
    try:
        return _STRICT_TABLE(value)
    except (ValueError, IndexError):
        end, text = _long(value)
        return end, {UNREADABLE_HEADERS: text}


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")


_STRICT_TIMESTAMP: Callable[[bytes], tuple[int, datetime | None]] = decode.timestamp
_STRICT_TABLE: Callable[[bytes], tuple[int, FieldTable]] = decode.field_table
