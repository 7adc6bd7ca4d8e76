"""Decodes AMQP properties as the broker does, or as text, so that a message is judged by its body.

pamqp raises for such a property, for example a timestamp in microseconds, and aiormq then loses the
connection before the worker sees the message. That repeats at each delivery, until the delivery
limit moves the message to the dead letters, together with all others that were prefetched with it.
aiormq takes no decoder of ours, so the entries in pamqp's public tables of decoders are replaced.

Of equal keys in a header table the first counts: the broker looks for its own header, `x-death`,
from the front, and a publisher can add a second one behind it.
"""

from collections.abc import Callable
from datetime import datetime

from pamqp import decode
from pamqp.common import FieldTable

__all__ = ["decode_tolerantly"]

UNREADABLE_HEADERS = "x-unreadable-headers"
"""The header that holds the text of a header table that cannot be decoded."""


def decode_tolerantly() -> None:
    """Replaces the decoders, for the whole process; repeated calls change nothing."""
    decode.METHODS.update(shortstr=_short, timestamp=_timestamp, table=_header_table)
    decode.TABLE_MAPPING.update({b"S": _long, b"T": _timestamp, b"F": _table})


def _short(value: bytes) -> tuple[int, str]:
    end = 1 + (value[0] if value else 0)
    return end, _text(value[1:end])


def _long(value: bytes) -> tuple[int, str]:
    # pamqp returns bytes that are not UTF-8 as they are, and then cannot encode them again.
    end = 4 + int.from_bytes(value[:4], "big")
    return end, _text(value[4:end])


def _timestamp(value: bytes) -> tuple[int, datetime | None]:
    try:
        return _STRICT_TIMESTAMP(value)
    except (ValueError, OverflowError, OSError):
        return 8, None


def _header_table(value: bytes) -> tuple[int, FieldTable]:
    try:
        return _table(value)
    except RecursionError:
        # Only here, where the stack is short again: tables may nest hundreds of levels deep.
        return _unreadable(value)


def _table(value: bytes) -> tuple[int, FieldTable]:
    try:
        return _fields(value)
    except (ValueError, IndexError):
        return _unreadable(value)


def _fields(value: bytes) -> tuple[int, FieldTable]:
    end = 4 + int.from_bytes(value[:4], "big")
    if end > len(value):
        raise ValueError("the table is longer than its message")
    fields: FieldTable = {}
    offset = 4
    while offset < end:
        key_end = offset + 1 + value[offset]
        key = value[offset + 1 : key_end].decode()
        length, content = decode.embedded_value(value[key_end:end])
        offset = key_end + length
        fields.setdefault(key, content)
    return end, fields


def _unreadable(value: bytes) -> tuple[int, FieldTable]:
    end, text = _long(value)
    return end, {UNREADABLE_HEADERS: text}


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")


_STRICT_TIMESTAMP: Callable[[bytes], tuple[int, datetime | None]] = decode.timestamp
