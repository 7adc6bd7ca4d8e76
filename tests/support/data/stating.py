"""Builders of changes: what the platform states of its records."""

from activation_contracts.records import (
    CallSettingsKey,
    CallSettingsRecord,
    HandsetLoginKey,
    HandsetLoginRecord,
    HuntGroupMemberKey,
    HuntGroupMemberRecord,
    PhoneNumberKey,
    PhoneNumberRecord,
    RecordKey,
    VoiceServiceKey,
    VoiceServiceRecord,
)
from activation_contracts.values import AccountKind, CallTarget, DeviceKind

from tests.support.data.builders import MAIN_PHONE_NUMBER, PHONE_NUMBER
from worker.core.cause import Cause
from worker.core.directory.change import Change

PLATFORM = "/tests/platform"


def stated(record: RecordKey, version: int | None = 1, message_id: str | None = None) -> Change:
    """The full state of this record."""
    identifier = message_id or f"{record.KIND}-{version}"
    return Change(record, version, Cause(PLATFORM, identifier, identifier))


def deleted(key: RecordKey, version: int | None = 2, message_id: str | None = None) -> Change:
    """The deletion of the record with this key."""
    return stated(key, version, message_id or f"{key.KIND}-{version}-gone")._replace(deleted=True)


def number(phone_number: str = PHONE_NUMBER, **changes: object) -> PhoneNumberRecord:
    """A number of acme at london, without a status."""
    fields: dict[str, object] = {"account_id": "acme", "site_id": "london", **changes}
    return PhoneNumberRecord.model_validate({"phone_number": phone_number, **fields})


def number_key(phone_number: str = PHONE_NUMBER) -> PhoneNumberKey:
    return PhoneNumberKey(phone_number=phone_number)


def service(quantity: int = 3, **changes: object) -> VoiceServiceRecord:
    """A voice service of acme at london."""
    fields: dict[str, object] = {
        "service_id": "service-1",
        "account_id": "acme",
        "account_kind": AccountKind.OCCUPIER,
        "site_id": "london",
        "quantity": quantity,
        **changes,
    }
    return VoiceServiceRecord.model_validate(fields)


def service_key() -> VoiceServiceKey:
    return VoiceServiceKey(service_id="service-1")


def settings(
    phone_number: str = MAIN_PHONE_NUMBER, hunt_group_id: str = "reception"
) -> CallSettingsRecord:
    """Calls in hours go to the hunt group."""
    return CallSettingsRecord(
        phone_number=phone_number,
        hunt_group_id=hunt_group_id,
        in_hours=CallTarget.HUNT_GROUP,
        out_of_hours=CallTarget.VOICEMAIL,
        unanswered=CallTarget.NONE,
    )


def settings_key(phone_number: str = MAIN_PHONE_NUMBER) -> CallSettingsKey:
    return CallSettingsKey(phone_number=phone_number)


def member(
    hunt_group_id: str = "reception", phone_number: str = PHONE_NUMBER
) -> HuntGroupMemberRecord:
    return HuntGroupMemberRecord(hunt_group_id=hunt_group_id, phone_number=phone_number)


def member_key(
    hunt_group_id: str = "reception", phone_number: str = PHONE_NUMBER
) -> HuntGroupMemberKey:
    return HuntGroupMemberKey(hunt_group_id=hunt_group_id, phone_number=phone_number)


def login(
    device_id: str = "desk",
    device_kind: DeviceKind = DeviceKind.DIGITAL,
    phone_number: str = PHONE_NUMBER,
) -> HandsetLoginRecord:
    return HandsetLoginRecord(
        phone_number=phone_number, device_id=device_id, device_kind=device_kind
    )


def login_key(device_id: str = "desk", phone_number: str = PHONE_NUMBER) -> HandsetLoginKey:
    return HandsetLoginKey(phone_number=phone_number, device_id=device_id)
