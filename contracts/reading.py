"""Reads messages: bytes become a typed message, or an error with a code and an explanation."""

import json
from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final, NoReturn, TypeVar

from pydantic import ValidationError

from contracts.envelope import CONTENT_TYPE, Envelope

__all__ = ["BODY_MAXIMUM_BYTES", "ReadErrorCode", "UnreadableError", "read"]

BODY_MAXIMUM_BYTES: Final = 65_536
"""64 KiB, the size that CloudEvents requires all parties to forward. Commands are far smaller."""

MessageT = TypeVar("MessageT", bound=Envelope)

REPORTED_PROBLEMS_MAXIMUM: Final = 3
REPORTED_VALUE_MAXIMUM_CHARACTERS: Final = 60


@unique
class ReadErrorCode(StrEnum):
    """Why a message cannot be read. The first code that applies is given."""

    CONTENT_TYPE_UNSUPPORTED = "CONTENT_TYPE_UNSUPPORTED"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    NOT_UTF8 = "NOT_UTF8"
    NOT_JSON = "NOT_JSON"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    NESTED_TOO_DEEPLY = "NESTED_TOO_DEEPLY"
    NOT_A_CLOUDEVENT = "NOT_A_CLOUDEVENT"
    TYPE_UNKNOWN = "TYPE_UNKNOWN"
    INVALID = "INVALID"


class UnreadableError(Exception):
    """The message cannot be read. `code` is for programs, `detail` for people."""

    def __init__(self, code: ReadErrorCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def read(body: bytes, content_type: str | None, accepted: Mapping[str, type[MessageT]]) -> MessageT:
    """The message in the body. `accepted` maps each type that may occur to its class.

    Raises `UnreadableError`, and no other exception, for all bytes that are no such message. A
    missing content type is accepted, because the body has all the information; a different one is
    an error.
    """
    _check_content_type(content_type)
    event = _parse_json(body)
    event_type = _event_type(event)
    model = accepted.get(event_type)
    if model is None:
        types = ", ".join(sorted(accepted))
        raise UnreadableError(
            ReadErrorCode.TYPE_UNKNOWN, f"type {_shown(event_type)} is not one of: {types}"
        )
    try:
        return model.model_validate(event)
    except ValidationError as error:
        raise UnreadableError(ReadErrorCode.INVALID, _describe(error)) from None


def _check_content_type(content_type: str | None) -> None:
    if content_type is None or content_type.partition(";")[0].strip().lower() == CONTENT_TYPE:
        return
    raise UnreadableError(
        ReadErrorCode.CONTENT_TYPE_UNSUPPORTED,
        f"content type is {_shown(content_type)}, expected {CONTENT_TYPE}",
    )


def _parse_json(body: bytes) -> object:
    if len(body) > BODY_MAXIMUM_BYTES:
        raise UnreadableError(
            ReadErrorCode.BODY_TOO_LARGE,
            f"the body has {len(body)} bytes, the maximum is {BODY_MAXIMUM_BYTES}",
        )
    try:
        parsed: object = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UnreadableError(ReadErrorCode.NOT_UTF8, f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise UnreadableError(
            ReadErrorCode.NESTED_TOO_DEEPLY, "the JSON is nested too deeply"
        ) from None
    except ValueError as error:
        raise UnreadableError(ReadErrorCode.NOT_JSON, f"not JSON: {error}") from None
    return parsed


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Parsers disagree about which of two equal keys counts. A message that two readers understand
    # differently must not be processed.
    unique_pairs: dict[str, object] = {}
    for name, value in pairs:
        if name in unique_pairs:
            detail = f"the key {_shown(name)} occurs twice"
            raise UnreadableError(ReadErrorCode.DUPLICATE_KEY, detail)
        unique_pairs[name] = value
    return unique_pairs


def _reject_constant(name: str) -> NoReturn:
    message = f"{name} is not a JSON number"
    raise ValueError(message)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_reject_constant)


def _event_type(event: object) -> str:
    if not isinstance(event, dict):
        raise UnreadableError(ReadErrorCode.NOT_A_CLOUDEVENT, "the body is JSON, but not an object")
    if event.get("specversion") != "1.0":
        raise UnreadableError(
            ReadErrorCode.NOT_A_CLOUDEVENT,
            f"specversion is {_shown(event.get('specversion'))}, expected '1.0'",
        )
    event_type = event.get("type")
    if not isinstance(event_type, str):
        raise UnreadableError(
            ReadErrorCode.NOT_A_CLOUDEVENT, f"type is {_shown(event_type)}, expected a string"
        )
    return event_type


def _describe(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False)
    shown = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        f" (found {_shown(problem['input'])})"
        for problem in problems[:REPORTED_PROBLEMS_MAXIMUM]
    ]
    omitted = len(problems) - len(shown)
    return "; ".join(shown) + (f"; and {omitted} more" if omitted else "")


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = ascii(value)
    if len(text) <= REPORTED_VALUE_MAXIMUM_CHARACTERS:
        return text
    return text[:REPORTED_VALUE_MAXIMUM_CHARACTERS] + "…"
