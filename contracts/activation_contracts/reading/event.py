"""Finds the CloudEvent in a message: in the body, or in the headers with the data as body."""

import base64
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from activation_contracts.envelope import Received
from activation_contracts.reading.decoding import (
    BODY_MAXIMUM_BYTES,
    check_content_type,
    decompressed,
    parse_json,
)
from activation_contracts.reading.errors import ReadErrorCode, UnreadableError, shown

__all__ = ["KNOWN", "NO_HEADERS", "attribute_of", "event_in", "spelling_of"]

NO_HEADERS: Final[Mapping[str, object]] = MappingProxyType({})

_HEADER: Final = re.compile(r"(?:cloudevents[:_]|ce[-_])(?P<attribute>.+)", re.IGNORECASE)
"""A header with an attribute in binary mode, as the bindings to AMQP 1.0 and HTTP name it."""

_DATA: Final = frozenset({"data", "datacontenttype"})
"""The body and the content type, which no header replaces."""

KNOWN: Final = frozenset(Received.model_fields)
"""The attributes that some message has."""


def event_in(
    body: bytes,
    content_type: str | None = None,
    content_encoding: str | None = None,
    headers: Mapping[str, object] = NO_HEADERS,
    *,
    maximum_bytes: int = BODY_MAXIMUM_BYTES,
) -> dict[str, object]:
    """The attributes of the event and its `data`, as they were sent.

    An event in the body counts before the headers. Raises `UnreadableError`, and TypeError if the
    body is no bytes.
    """
    if not isinstance(body, bytes | bytearray):
        raise TypeError(
            f"body must be bytes, as the AMQP library delivers it, not {type(body).__name__}"
        )
    check_content_type(content_type)
    content = parse_json(decompressed(body, content_encoding, maximum_bytes))
    if isinstance(content, dict) and "specversion" in content:
        return _with_data(content) if "data_base64" in content else content
    attributes = _attributes_in(headers)
    if "specversion" not in attributes:
        raise _no_event(content)
    return {**attributes, "data": content}


def spelling_of(name: str, known: Collection[str] = KNOWN) -> str | None:
    """The known name that a wrong one means; None if it means none of them."""
    if name in known:
        return None
    meant = _letters(name)
    return next((each for each in known if _letters(each) == meant), None)


def attribute_of(header: str) -> str | None:
    """The attribute that a header gives in binary mode; None if it gives none."""
    found = _HEADER.fullmatch(header)
    return found["attribute"].lower() if found else None


def _letters(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _with_data(event: dict[str, object]) -> dict[str, object]:
    """The event with `data` instead of `data_base64`."""
    encoded = event["data_base64"]
    others = {name: value for name, value in event.items() if name != "data_base64"}
    if encoded is None:
        return others
    if others.get("data") is not None:
        detail = "data and data_base64 are both present: send one of them"
        raise UnreadableError(ReadErrorCode.INVALID, detail, event)
    try:
        decoded = base64.b64decode(encoded if isinstance(encoded, str) else "?", validate=True)
        return {**others, "data": parse_json(decoded)}
    except ValueError:
        detail = f"data_base64 is not base64 (found {shown(encoded)}): send data as a JSON object"
        raise UnreadableError(ReadErrorCode.INVALID, detail, event) from None
    except UnreadableError as error:
        detail = f"in data_base64: {error.detail}; send data as a JSON object"
        raise UnreadableError(error.code, detail, event) from None


def _attributes_in(headers: Mapping[str, object]) -> dict[str, object]:
    attributes: dict[str, object] = {}
    for header, value in headers.items():
        name = attribute_of(header)
        if name is None or name in _DATA:
            continue
        if name in attributes:
            detail = f"two headers give the attribute {shown(name)}"
            raise UnreadableError(ReadErrorCode.DUPLICATE_KEY, detail, attributes)
        attributes[name] = _as_json(value)
    return attributes


def _as_json(value: object) -> object:
    """The value of a header, as JSON would have it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="replace")
    # Not null, which would be an absent attribute: an expiry that cannot be read must be an error.
    return "" if value is None else value


def _no_event(content: object) -> UnreadableError:
    if isinstance(content, list):
        detail = "the body is an array: send each event in a message of its own"
    elif isinstance(content, str):
        detail = "the body is a JSON string: send the object itself"
    elif isinstance(content, dict):
        detail = "specversion is missing, in the body and in the headers"
        for name in content:
            if meant := spelling_of(name):
                detail += f"; write {meant!r}, not {shown(name)}"
                break
        return UnreadableError(ReadErrorCode.NOT_A_CLOUDEVENT, detail, content)
    else:
        detail = "the body is JSON, but not an object"
    return UnreadableError(ReadErrorCode.NOT_A_CLOUDEVENT, detail)
