"""Repairs what only travels or informs: it becomes what the contract says, or is absent.

What decides is not here: type, id, source, expirytime, and the data of a command.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from pydantic import TypeAdapter, ValidationError

from activation_contracts.reading.decoding import is_json_type
from activation_contracts.values import Timestamp

__all__ = ["repaired"]

CODE_MAXIMUM_CHARACTERS: Final = 128
DETAIL_MAXIMUM_CHARACTERS: Final = 1024

_TIMESTAMP: Final[TypeAdapter[object]] = TypeAdapter(Timestamp)

_MOMENT: Final = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<minute>[0-9]{2}:[0-9]{2})"
    r"(?P<second>:[0-9]{2})?([.,](?P<fraction>[0-9]+))?"
    r" ?(?P<zone>[Zz]|[+-][0-9]{2}(:?[0-9]{2})?)"
)
"""RFC 3339, and what differs from it without a second meaning: no seconds, a decimal comma, a zone
without its colon or its minutes."""


def repaired(
    event: Mapping[str, object], places: Iterable[tuple[int | str, ...]]
) -> dict[str, object]:
    """The event with the repairable ones of these places repaired; the others are unchanged."""
    changed = dict(event)
    for place in places:
        match place:
            case (str(name),) if name in _ATTRIBUTES:
                changed[name] = _ATTRIBUTES[name](changed.get(name))
            case ("data", str(name)) if name in _DATA and isinstance(changed["data"], dict):
                text = _shortened(changed["data"].get(name), _DATA[name])
                changed["data"] = {**changed["data"], name: text}
    # A default must apply where an attribute is absent.
    return {name: value for name, value in changed.items() if value is not None}


def _as_text(value: object) -> str | None:
    """A number or boolean as the text that JSON has for it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    return None


def _shortened(value: object, maximum_characters: int) -> str | None:
    text = value if isinstance(value, str) else _as_text(value)
    if text is None:
        return None
    return text.replace("\x00", "").encode(errors="replace").decode()[:maximum_characters]


def _moment(value: object) -> str | None:
    found = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    fraction = f".{found['fraction']}" if found["fraction"] else ""
    zone = found["zone"].upper().replace(":", "")
    if zone != "Z":
        zone = f"{zone[:3]}:{zone[3:] or '00'}"
    written = f"{found['date']}T{found['minute']}{found['second'] or ':00'}{fraction}{zone}"
    try:
        _TIMESTAMP.validate_python(written)
    except ValidationError:
        return None
    return written


def _data_content_type(value: object) -> object:
    is_json = value == "" or (isinstance(value, str) and is_json_type(value))
    return None if is_json else value


_ATTRIBUTES: Final[Mapping[str, Callable[[object], object]]] = {
    **dict.fromkeys(
        ("subject", "correlationid", "causationid", "traceparent", "tracestate", "partitionkey"),
        _as_text,
    ),
    "time": _moment,
    "datacontenttype": _data_content_type,
}

_DATA: Final = {"code": CODE_MAXIMUM_CHARACTERS, "detail": DETAIL_MAXIMUM_CHARACTERS}
"""The fields of a PBX result that only inform, and how long each may be."""
