"""Renders the events that follow from a command that was sent, for people."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from activation_contracts.catalogue import CATALOGUE
from activation_contracts.messages import (
    CommandRejected,
    ExtensionReset,
    HandsetLogout,
    HuntGroupMembership,
    OperationAftermath,
    OperationDelayed,
    OperationFailed,
    Previewed,
)
from activation_contracts.values import AtDeadline, Would

from worker.core.messages.explanations import clock_time
from worker.runtime.counting import counted
from worker.runtime.printable import printable

__all__ = ["TYPES", "Event", "render"]

Event = Mapping[str, Any]

TYPES: Final = {definition.message: definition.type for definition in CATALOGUE}
"""The type of each message in its envelope."""

_RENDERED: Final = {
    TYPES[OperationDelayed]: ("DELAYED", "{message}"),
    TYPES[CommandRejected]: ("REFUSED", "{phone_number}  {code}: {message}"),
    TYPES[OperationAftermath]: ("AFTERMATH", "{phone_number}  {what} {state}: {detail}"),
}
"""The word and the text of these types."""

_VOICE_SERVICES: Final = (
    "voice services: {entitlement[limit]} bought, {entitlement[active]} active,"
    " {entitlement[pending]} pending"
)
_BY: Final = {"confirm": "the broker", "result": "the PBX"}
"""What completes a step."""
_THEN: Final = {
    AtDeadline.BACK_TO_RESERVED: "the number goes back to RESERVED",
    AtDeadline.NEEDS_A_PERSON: "an operator must decide",
}
_INDENT: Final = " " * 10


def render(event: Event) -> str:
    """The event, or the command itself, as one line; details stand below it, indented."""
    event = printable(event)
    word, line = _line(event)
    details = "".join(f"\n{_INDENT}{detail}" for detail in _details(event["data"]))
    return f"{word:<9} {line}{details}"


def _line(event: Event) -> tuple[str, str]:
    data, kind = event["data"], event["type"]
    if kind in _RENDERED:
        word, text = _RENDERED[kind]
        return word, text.format_map(data)
    if kind == TYPES[OperationFailed]:
        word = "WAITING" if data["needs_a_person"] else "FAILED"
        return word, "{phone_number}  {code}: {detail}".format_map(data)
    if kind == TYPES[Previewed]:
        return _preview_line(data)
    if "status" in data:
        line = "{phone_number}  sequence {sequence}; " + _VOICE_SERVICES
        return data["status"], line.format_map(data)
    return "SENT", f"{data['phone_number']}  command {event['id']}"


def _preview_line(data: Event) -> tuple[str, str]:
    if data["would"] == Would.BE_REFUSED:
        return "PREVIEW", "{phone_number}  would be refused, {code}: {message}".format_map(data)
    sentence = "{phone_number}  {message}".format_map(data)
    if not data["entitlement"]:
        return "PREVIEW", sentence
    return "PREVIEW", f"{sentence.removesuffix('.')}; {_VOICE_SERVICES.format_map(data)}"


def _details(data: Event) -> Iterator[str]:
    for message in data.get("messages", ()):
        yield f"PBX: {_request(message)}"
    for device in data.get("manual_logout") or ():
        yield f"by hand: log out of {device['device_id']} ({device['device_kind']})"
    yield from _holders(data)
    if data.get("awaiting"):
        yield _awaiting(data)


def _holders(data: Event) -> Iterator[str]:
    """The numbers that a refusal lists; it lists only the first of many."""
    holders = data.get("holders") or ()
    for holder in holders:
        yield f"in use: {holder['phone_number']} {holder['status']}"
    usage = data.get("entitlement")
    unlisted = usage["active"] + usage["pending"] - len(holders) if holders and usage else 0
    if unlisted > 0:
        yield f"in use: {counted(unlisted, 'more number')} of the account at the site"


def _awaiting(data: Event) -> str:
    steps = ", ".join(f"{step['step']} ({_BY[step['waits_for']]})" for step in data["awaiting"])
    if not data.get("deadline"):
        return f"waits for {steps}"
    deadline = clock_time(datetime.fromisoformat(data["deadline"]))
    then = _THEN[AtDeadline(data["at_deadline"])]
    return f"waits for {steps} until {deadline}; then {then}"


def _request(message: Event) -> str:
    """What a PBX would be asked for."""
    kind, data = message["type"], message["data"]
    if kind == TYPES[HandsetLogout]:
        return f"log out of handset {data['device_id']}"
    if kind == TYPES[HuntGroupMembership]:
        does = "join" if data["action"] == "add" else "leave"
        return f"{does} hunt group {data['hunt_group_id']}"
    if kind == TYPES[ExtensionReset]:
        return f"reset the PIN, and clear {', '.join(data['clear'])}"
    return str(kind)
