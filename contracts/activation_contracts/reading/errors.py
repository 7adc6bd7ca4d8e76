"""Why a message cannot be read."""

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from activation_contracts.envelope import Source
from activation_contracts.values import Identifier

__all__ = ["ReadErrorCode", "UnreadableError", "message_of", "shown"]

REPORTED_VALUE_MAXIMUM_CHARACTERS: Final = 60


@unique
class ReadErrorCode(StrEnum):
    """Why a message cannot be read. The first code that applies is given."""

    CONTENT_TYPE_UNSUPPORTED = "CONTENT_TYPE_UNSUPPORTED"
    """The AMQP content type is not JSON. A missing content type is accepted."""
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    """The body has more than 65,536 bytes, before or after decompression."""
    CONTENT_ENCODING_INVALID = "CONTENT_ENCODING_INVALID"
    """The AMQP content encoding is neither gzip nor UTF-8, or the body is not gzip."""
    NOT_UTF8 = "NOT_UTF8"
    """The body is not UTF-8."""
    NOT_JSON = "NOT_JSON"
    """The body is not JSON; NaN and Infinity are not JSON either."""
    DUPLICATE_KEY = "DUPLICATE_KEY"
    """A key occurs twice in one object, at any depth."""
    NESTED_TOO_DEEPLY = "NESTED_TOO_DEEPLY"
    """The JSON is nested too deeply."""
    NOT_A_CLOUDEVENT = "NOT_A_CLOUDEVENT"
    """The JSON is not an object, `specversion` is not "1.0" or missing in the body and in the
    headers, or `type` is not a string."""
    TYPE_UNKNOWN = "TYPE_UNKNOWN"
    """The `type` is none that this queue serves."""
    INVALID = "INVALID"
    """A field or attribute is missing, invalid or misspelt; the detail names it."""


class UnreadableError(Exception):
    """The message cannot be read. `code` is for programs, `detail` for people.

    `id` and `source` are those of the event, as far as they can be read.
    """

    def __init__(
        self, code: ReadErrorCode, detail: str, event: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.id = _read(_ID, event, "id")
        self.source = _read(_SOURCE, event, "source")


def message_of(problem: ErrorDetails) -> str:
    """The message of a validation error, without the prefix that pydantic gives to our texts."""
    return problem["msg"].removeprefix("Value error, ")


def shown(value: object) -> str:
    """The value for an error detail: short, and in printable ASCII."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = ascii(value)
    if len(text) <= REPORTED_VALUE_MAXIMUM_CHARACTERS:
        return text
    return text[:REPORTED_VALUE_MAXIMUM_CHARACTERS] + "…"


def _read(text: TypeAdapter[str], event: Mapping[str, object] | None, name: str) -> str | None:
    try:
        return text.validate_python((event or {}).get(name))
    except ValidationError:
        return None


_ID: Final[TypeAdapter[str]] = TypeAdapter(Identifier)
_SOURCE: Final[TypeAdapter[str]] = TypeAdapter(Source)
