"""Builds the messages that clients send to the worker.

All functions need `source`, the URI reference that names the sender, and take the other attributes
of the envelope by name. They raise pydantic's `ValidationError`, a `ValueError` that names each
wrong field, and `TypeError` for an attribute that does not exist. `amqp_message` makes what an AMQP
library publishes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypedDict, TypeVar, Unpack
from uuid import uuid4

from activation_contracts.envelope import Data, Received
from activation_contracts.messages import (
    Activate,
    CallSettings,
    CommandData,
    CommandMessage,
    Deactivate,
    DirectoryMessage,
    HandsetLogin,
    HuntGroupMember,
    PbxResult,
    PbxResultData,
    PhoneNumberChange,
    Report,
    ReportData,
    VoiceService,
)
from activation_contracts.records import Record, RecordKey, RecordKind
from activation_contracts.values import StepResult

__all__ = [
    "Attributes",
    "activate",
    "deactivate",
    "deleted_record",
    "pbx_result",
    "record",
    "report",
]

MessageT = TypeVar("MessageT", bound=Received)
CommandT = TypeVar("CommandT", bound=CommandMessage)


class Attributes(TypedDict, total=False):
    """Attributes of the envelope; one that is None is left out."""

    id: str | None
    """By default a new UUID. Give the id of the first attempt to repeat a message."""
    time: datetime | None
    """By default now."""
    subject: str | None
    """By default the phone number in the data, if there is one."""
    expirytime: datetime | None
    """Of a command: the worker refuses it if it reads it later."""
    correlationid: str | None
    causationid: str | None
    traceparent: str | None
    tracestate: str | None
    partitionkey: str | None


def activate(
    phone_number: str,
    *,
    account_id: str,
    site_id: str,
    source: str,
    requested_by: str | None = None,
    preview: bool = False,
    **attributes: Unpack[Attributes],
) -> Activate:
    """The command that activates this number, which the account holds at the site.

    With `preview` it asks what the activation would lead to.
    """
    data = CommandData(
        phone_number=phone_number,
        account_id=account_id,
        site_id=site_id,
        requested_by=requested_by,
        preview=preview or None,
    )
    return _command(Activate, data, source, attributes)


def deactivate(
    phone_number: str,
    *,
    account_id: str,
    site_id: str,
    source: str,
    requested_by: str | None = None,
    preview: bool = False,
    **attributes: Unpack[Attributes],
) -> Deactivate:
    """The command that deactivates this number, which the account holds at the site.

    With `preview` it asks what the deactivation would lead to.
    """
    data = CommandData(
        phone_number=phone_number,
        account_id=account_id,
        site_id=site_id,
        requested_by=requested_by,
        preview=preview or None,
    )
    return _command(Deactivate, data, source, attributes)


def report(
    *,
    source: str,
    phone_number: str | None = None,
    account_id: str | None = None,
    site_id: str | None = None,
    **attributes: Unpack[Attributes],
) -> Report:
    """The request for the state of the numbers to which all given fields apply; give at least one.

    `amqp_message` needs the queue to which the pages of the answer go.
    """
    data = ReportData(phone_number=phone_number, account_id=account_id, site_id=site_id)
    return _built(Report, data, source, {**_about(data), **attributes})


def pbx_result(
    operation_id: str,
    result: StepResult,
    *,
    source: str,
    code: str | None = None,
    detail: str | None = None,
    **attributes: Unpack[Attributes],
) -> PbxResult:
    """The result of the step that the message with the id `operation_id` requests."""
    data = PbxResultData(operation_id=operation_id, result=result, code=code, detail=detail)
    return _built(PbxResult, data, source, {"causationid": operation_id, **attributes})


def record(
    state: Record, *, version: int, source: str, **attributes: Unpack[Attributes]
) -> DirectoryMessage:
    """The directory message with the full state of a record; `version` rises with every change."""
    data = {**state.model_dump(), "version": version}
    return _built(_DIRECTORY[state.KIND], data, source, {**_about(state), **attributes})


def deleted_record(
    key: RecordKey, *, version: int, source: str, **attributes: Unpack[Attributes]
) -> DirectoryMessage:
    """The directory message that says that the record with this key is gone."""
    data = {**key.model_dump(include={*key.KEY}), "version": version, "deleted": True}
    return _built(_DIRECTORY[key.KIND], data, source, {**_about(key), **attributes})


_DIRECTORY: Final[Mapping[RecordKind, type[DirectoryMessage]]] = {
    RecordKind.VOICE_SERVICE: VoiceService,
    RecordKind.PHONE_NUMBER: PhoneNumberChange,
    RecordKind.CALL_SETTINGS: CallSettings,
    RecordKind.HUNT_GROUP_MEMBER: HuntGroupMember,
    RecordKind.HANDSET_LOGIN: HandsetLogin,
}


def _command(
    message: type[CommandT], data: CommandData, source: str, attributes: Attributes
) -> CommandT:
    place: Attributes = {"partitionkey": f"{data.account_id}/{data.site_id}"}
    return _built(message, data, source, {**_about(data), **place, **attributes})


def _about(data: Data) -> Attributes:
    """The subject: the phone number in the data, if there is one."""
    return {"subject": getattr(data, "phone_number", None)}


def _built(
    message: type[MessageT], data: object, source: str, attributes: Mapping[str, Any]
) -> MessageT:
    # Python does not check the names of `**attributes`, and the model ignores unknown ones: a
    # misspelt expiry would be lost.
    if unknown := attributes.keys() - Attributes.__annotations__.keys():
        known = ", ".join(Attributes.__annotations__)
        raise TypeError(f"unknown attribute: {', '.join(sorted(unknown))}; use one of {known}")
    given = {name: value for name, value in attributes.items() if value is not None}
    return message.model_validate(
        {"id": str(uuid4()), "time": datetime.now(UTC), **given, "source": source, "data": data}
    )
