"""Records of the platform, and what the worker says of them."""

from datetime import datetime
from typing import Final, TypedDict

from activation_contracts import messages
from activation_contracts.examples.story import ACCOUNT, ACTIVATED, HUNT_GROUP, SITE, at, attributes
from activation_contracts.messages.directory import (
    CallSettingsState,
    ConflictCode,
    HandsetLoginDeletion,
    HandsetLoginState,
    HuntGroupMemberDeletion,
    HuntGroupMemberState,
    PhoneNumberState,
    VoiceServiceState,
)
from activation_contracts.records import RecordKind
from activation_contracts.values import (
    AccountKind,
    CallTarget,
    DeviceKind,
    NumberStatus,
)

__all__ = [
    "CALLS_ROUTED",
    "CONFLICT",
    "EXCEEDED",
    "LOGGED_IN",
    "LOGGED_OUT",
    "MEMBER_PUT_IN",
    "MEMBER_TAKEN_OUT",
    "NUMBER_ALLOCATED",
    "RESTORED",
    "SERVICE_BOUGHT",
]

_PLATFORM: Final = "/platform"


_ALLOCATION: Final = "4be0643f-1d98-573b-97cd-ca98a65347dd"


class _DirectoryAttributes(TypedDict):
    id: str
    source: str
    subject: str
    time: datetime


def _directory(message_id: str, subject: str) -> _DirectoryAttributes:
    return {"id": message_id, "source": _PLATFORM, "subject": subject, "time": at(20, 0)}


SERVICE_BOUGHT: Final = messages.VoiceService(
    **_directory("0f8fad5b-d9cb-469f-a165-70867728950e", "service-17"),
    data=VoiceServiceState(
        service_id="service-17",
        account_id=ACCOUNT,
        account_kind=AccountKind.OCCUPIER,
        site_id=SITE,
        quantity=5,
        version=3,
    ),
)


NUMBER_ALLOCATED: Final = messages.PhoneNumberChange(
    **_directory(_ALLOCATION, ACTIVATED),
    data=PhoneNumberState(
        phone_number=ACTIVATED,
        site_id=SITE,
        account_id=ACCOUNT,
        extension=ACTIVATED[-4:],
        version=12,
    ),
)


CALLS_ROUTED: Final = messages.CallSettings(
    **_directory("7c9e6679-7425-40de-944b-e07fc1f90ae7", ACTIVATED),
    data=CallSettingsState(
        phone_number=ACTIVATED,
        hunt_group_id=HUNT_GROUP,
        in_hours=CallTarget.HUNT_GROUP,
        out_of_hours=CallTarget.VOICEMAIL,
        unanswered=CallTarget.RECEPTION,
        version=1,
    ),
)


MEMBER_TAKEN_OUT: Final = messages.HuntGroupMember(
    **_directory("16fd2706-8baf-433b-82eb-8c7fada847da", ACTIVATED),
    data=HuntGroupMemberDeletion(
        hunt_group_id=HUNT_GROUP, phone_number=ACTIVATED, version=2, deleted=True
    ),
)


MEMBER_PUT_IN: Final = messages.HuntGroupMember(
    **_directory("886313e1-3b8a-5372-9b90-0c9aee199e5d", ACTIVATED),
    data=HuntGroupMemberState(hunt_group_id=HUNT_GROUP, phone_number=ACTIVATED, version=1),
)


LOGGED_IN: Final = messages.HandsetLogin(
    **_directory("a8098c1a-f86e-11da-bd1a-00112444be1e", ACTIVATED),
    data=HandsetLoginState(
        phone_number=ACTIVATED,
        device_id="desk-0201",
        device_kind=DeviceKind.DIGITAL,
        version=1,
    ),
)


LOGGED_OUT: Final = messages.HandsetLogin(
    **_directory("6ba7b810-9dad-41d1-80b4-00c04fd430c8", ACTIVATED),
    data=HandsetLoginDeletion(
        phone_number=ACTIVATED, device_id="desk-0201", version=2, deleted=True
    ),
)


CONFLICT: Final = messages.DirectoryConflict(
    id="ff36253d-fdca-569c-a8c3-ec5cf92f0a37",
    **attributes("2c5ea4c0-4067-41e9-8bad-9b1deb4d3b7d", ACTIVATED, at(21, 0)),
    data=messages.DirectoryConflictData(
        kind=RecordKind.PHONE_NUMBER,
        phone_number=ACTIVATED,
        account_id=ACCOUNT,
        site_id=SITE,
        status=NumberStatus.ACTIVE,
        sequence=2,
        command_id="2c5ea4c0-4067-41e9-8bad-9b1deb4d3b7d",
        version=13,
        deleted=True,
        said={"phone_number": ACTIVATED},
        code=ConflictCode.NUMBER_IN_USE,
        message=f"{ACTIVATED} is ACTIVE and cannot be taken away: deactivate it first.",
    ),
)


_ACCOUNT_AT_SITE: Final = f"{ACCOUNT}/{SITE}"


_SERVICE_ENDED: Final = "a2c0a4f5-9c1e-4e6b-8a56-0d7f6a1c9b12"


_SERVICE_ADDED: Final = "d9b2d63d-a233-4123-847a-4d1f1f0b9c55"


EXCEEDED: Final = messages.EntitlementExceeded(
    id="eeeb0bed-94e9-5759-aed1-5e2988b6a1df",
    **attributes(_SERVICE_ENDED, _ACCOUNT_AT_SITE, at(22, 0)),
    data=messages.EntitlementData(
        account_id=ACCOUNT,
        site_id=SITE,
        entitlement=messages.Entitlement(limit=1, active=2, pending=0),
    ),
)


RESTORED: Final = messages.EntitlementRestored(
    id="8a890692-0d06-5836-a437-7d867f17f995",
    **attributes(_SERVICE_ADDED, _ACCOUNT_AT_SITE, at(23, 0)),
    data=messages.EntitlementData(
        account_id=ACCOUNT,
        site_id=SITE,
        entitlement=messages.Entitlement(limit=3, active=2, pending=0),
    ),
)
