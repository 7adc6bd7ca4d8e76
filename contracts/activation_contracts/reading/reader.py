"""Reads a message: the event that it holds, as an instance of the class of its type."""

import re
from collections.abc import Mapping
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from activation_contracts.envelope import Envelope, Received
from activation_contracts.reading.decoding import BODY_MAXIMUM_BYTES, PUBLISHED_MAXIMUM_BYTES
from activation_contracts.reading.errors import ReadErrorCode, UnreadableError, message_of, shown
from activation_contracts.reading.event import KNOWN, NO_HEADERS, event_in, spelling_of
from activation_contracts.reading.misplaced import check_places, stands_in_data
from activation_contracts.reading.open_values import validated_with_open_values
from activation_contracts.reading.repair import repaired

__all__ = ["read"]

MessageT = TypeVar("MessageT", bound=Envelope)

REPORTED_PROBLEMS_MAXIMUM: Final = 3

_NAME: Final = re.compile("[a-z0-9]+")


def read(
    body: bytes,
    content_type: str | None,
    accepted: Mapping[str, type[MessageT]],
    *,
    content_encoding: str | None = None,
    headers: Mapping[str, object] = NO_HEADERS,
) -> MessageT:
    """The message in the body. `accepted` maps each type that may occur to its class.

    The other arguments are AMQP properties. Raises `UnreadableError`, and no other exception, for
    all bytes that are no such message, and TypeError if the body is no bytes. What decides is read
    strictly. What only travels or informs is ignored if it cannot be read; docs/reading.md lists
    what is forgiven. In what the worker publishes, a value that came after this version is a
    string, not a member of its enumeration. A body may have 64 KiB if all classes are received by
    the worker, else 128 MiB.
    """
    maximum_bytes = _maximum_bytes(accepted)
    event = event_in(body, content_type, content_encoding, headers, maximum_bytes=maximum_bytes)
    if event["specversion"] != "1.0":
        detail = f"specversion is {shown(event['specversion'])}, expected '1.0'"
        raise UnreadableError(ReadErrorCode.NOT_A_CLOUDEVENT, detail, event)
    _check_names(event)
    model = _model_of(event, accepted)
    if issubclass(model, Received):
        check_places(event, headers, model)
    if isinstance(event.get("data"), str):
        detail = f"data is a string ({shown(event['data'])}): send the JSON object itself"
        raise UnreadableError(ReadErrorCode.INVALID, detail, event)
    try:
        return _validated(event, model)
    except ValidationError as error:
        detail = _describe(error, event, model)
        raise UnreadableError(ReadErrorCode.INVALID, detail, event) from None


def _maximum_bytes(accepted: Mapping[str, type[Envelope]]) -> int:
    # Before the body is decoded, only the caller's mapping says which messages it may hold.
    is_received = all(issubclass(model, Received) for model in accepted.values())
    return BODY_MAXIMUM_BYTES if is_received else PUBLISHED_MAXIMUM_BYTES


def _validated(event: Mapping[str, object], model: type[MessageT]) -> MessageT:
    try:
        return model.model_validate(event)
    except ValidationError as error:
        places = [problem["loc"] for problem in error.errors(include_url=False)]
        if issubclass(model, Received):
            return model.model_validate(repaired(event, places))
        attributes = [place for place in places if place[:1] != ("data",)]
        return validated_with_open_values(repaired(event, attributes), model)


def _check_names(event: Mapping[str, object]) -> None:
    if event.keys() <= KNOWN:
        return
    # A reader that ignored `expiryTime` would carry out a command that has expired.
    for name in event:
        if _NAME.fullmatch(name):
            continue
        meant = spelling_of(name) or (name.lower() if name != name.lower() else None)
        if meant is not None:
            detail = f"{shown(name)} is not an attribute of CloudEvents: write {shown(meant)}"
            raise UnreadableError(ReadErrorCode.INVALID, detail, event)


def _model_of(
    event: Mapping[str, object], accepted: Mapping[str, type[MessageT]]
) -> type[MessageT]:
    event_type = event.get("type")
    if not isinstance(event_type, str):
        detail = f"type is {shown(event_type)}, expected a string{stands_in_data(event, 'type')}"
        raise UnreadableError(ReadErrorCode.NOT_A_CLOUDEVENT, detail, event)
    model = accepted.get(event_type)
    if model is None:
        detail = f"type {shown(event_type)} is not one of: {', '.join(sorted(accepted))}"
        raise UnreadableError(ReadErrorCode.TYPE_UNKNOWN, detail, event)
    return model


def _describe(error: ValidationError, event: Mapping[str, object], model: type[Envelope]) -> str:
    problems = error.errors(include_url=False, include_context=False)
    shown_problems = [
        f"{_place(problem, event)}: {message_of(problem)}{_found(problem, event, model)}"
        for problem in problems[:REPORTED_PROBLEMS_MAXIMUM]
    ]
    omitted = len(problems) - len(shown_problems)
    return "; ".join(shown_problems) + (f"; and {omitted} more" if omitted else "")


def _place(problem: ErrorDetails, event: Mapping[str, object]) -> str:
    """The field of the message, without the parts that name an alternative of its class."""
    last = len(problem["loc"]) - 1
    found: list[str] = []
    value: object = event
    for position, part in enumerate(problem["loc"]):
        match value, part:
            case (dict(), str()) if part in value:
                value = value[part]
            case (list(), int()) if part < len(value):
                value = value[part]
            case _ if position < last or problem["type"] != "missing":
                continue
        found.append(str(part))
    return ".".join(found)


def _found(problem: ErrorDetails, event: Mapping[str, object], model: type[Envelope]) -> str:
    if problem["type"] == "missing" and len(problem["loc"]) == 1:
        return stands_in_data(event, str(problem["loc"][0]))
    is_payload = problem["loc"][:1] == ("data",)
    if is_payload and issubclass(model, Received) and not model.SHOWS_VALUES:
        return ""
    return f" (found {shown(problem['input'])})"
