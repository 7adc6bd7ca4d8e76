"""Finds what stands in the wrong place of a message, where the reader would ignore it.

A command without its expiry, or without its `preview`, would do what its sender does not want.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import NoReturn

from activation_contracts.envelope import Envelope, Received
from activation_contracts.reading.errors import ReadErrorCode, UnreadableError, shown
from activation_contracts.reading.event import KNOWN, attribute_of, spelling_of

__all__ = ["check_places", "stands_in_data"]


def check_places(
    event: Mapping[str, object], headers: Mapping[str, object], model: type[Received]
) -> None:
    """Raises `UnreadableError` if what decides would be ignored because of its place or spelling.

    That is a field of `ONLY_IN_DATA`, or an attribute of `ONLY_BESIDE_DATA`.
    """
    if not model.ONLY_IN_DATA and not model.ONLY_BESIDE_DATA:
        return
    _check_attributes(event, model)
    _check_fields(event, model)
    for header in headers:
        meant = _meant(attribute_of(header) or header, model.ONLY_BESIDE_DATA)
        if meant and meant not in event:
            _refuse(event, f"the header {shown(header)}, beside an event,", _beside(meant))


def stands_in_data(event: Mapping[str, object], attribute: str) -> str:
    """The hint for a missing attribute if `data` has it; empty if it has not."""
    for name in _names_in(event.get("data")):
        if _meant(name, {attribute}):
            return f" (it stands in data, as {shown(name)}: put it beside data)"
    return ""


def _check_attributes(event: Mapping[str, object], model: type[Received]) -> None:
    # Almost every command has only names that are known: comparing sets is ten times as fast.
    for name in sorted(event.keys() - KNOWN):
        if _meant(name, model.ONLY_IN_DATA):
            _refuse(event, f"{shown(name)} stands beside data, where it", "put it into data")
        for inner in _names_in(event[name]):
            ignored = f"{shown(inner)} stands in {shown(name)}, where it"
            if _meant(inner, model.ONLY_IN_DATA):
                _refuse(event, ignored, "put it into data")
            if meant := _meant(inner, model.ONLY_BESIDE_DATA):
                _refuse(event, ignored, _beside(meant))


def _check_fields(event: Mapping[str, object], model: type[Received]) -> None:
    for name in _unknown_fields(event, model):
        if meant := _meant(name, model.ONLY_IN_DATA):
            _refuse(event, f"data has the field {shown(name)}, which", f"write {shown(meant)}")
        if meant := _meant(name, model.ONLY_BESIDE_DATA):
            _refuse(event, f"{shown(name)} stands in data, where it", _beside(meant))


def _meant(name: str, known: Collection[str]) -> str | None:
    return name if name in known else spelling_of(name, known)


def _names_in(value: object) -> Iterator[str]:
    return iter(value if isinstance(value, dict) else ())


def _unknown_fields(event: Mapping[str, object], model: type[Envelope]) -> list[str]:
    data = event.get("data")
    return sorted(data.keys() - _payload_fields(model)) if isinstance(data, dict) else []


@cache
def _payload_fields(model: type[Envelope]) -> frozenset[str]:
    payload = model.model_fields["data"].annotation
    return frozenset(getattr(payload, "model_fields", ()))


def _beside(name: str) -> str:
    return f"put {shown(name)} beside data, as an attribute of the event"


def _refuse(event: Mapping[str, object], ignored: str, remedy: str) -> NoReturn:
    detail = f"{ignored} would be ignored: {remedy}"
    raise UnreadableError(ReadErrorCode.INVALID, detail, event)
