"""Directory messages, by which the platform keeps the worker in step, and their conflicts."""

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Annotated, Final, Literal

from pydantic import Discriminator, Field, Strict, Tag

from activation_contracts.described import Described
from activation_contracts.envelope import Data, Published, Received
from activation_contracts.guidance import Guidance
from activation_contracts.records import (
    CallSettingsKey,
    CallSettingsRecord,
    HandsetLoginKey,
    HandsetLoginRecord,
    HuntGroupMemberKey,
    HuntGroupMemberRecord,
    PhoneNumberKey,
    PhoneNumberRecord,
    RecordKind,
    VoiceServiceKey,
    VoiceServiceRecord,
)
from activation_contracts.values import AccountId, Identifier, NumberStatus, PhoneNumber, SiteId

__all__ = [
    "CONFLICT_REMEDIES",
    "CallSettings",
    "ConflictCode",
    "DirectoryConflict",
    "DirectoryConflictData",
    "DirectoryMessage",
    "HandsetLogin",
    "HuntGroupMember",
    "PhoneNumberChange",
    "VoiceService",
]

STATE: Final = "(state)"
DELETION: Final = "(deletion)"

BY_VERSION: Final = (
    "Messages may be repeated, overtake each other, or be replayed from the beginning: the "
    "`version` decides. One that is not newer than the last one applied is ignored, and a deletion "
    "is remembered."
)
"""What may repeat or arrive late of all directory messages."""

Version = Annotated[
    int,
    Strict(),
    Field(ge=0, le=2**63 - 1),
    Described("Rises with every change of the record; a version that is not newer is ignored."),
]


def _tag_of(data: object) -> str:
    is_deleted = (
        data.get("deleted") if isinstance(data, Mapping) else getattr(data, "deleted", False)
    )
    return DELETION if is_deleted is True else STATE


Either = Discriminator(_tag_of)


class VoiceServiceState(VoiceServiceRecord):
    """The full state of the service."""

    version: Version
    deleted: Literal[False] = False
    """The record exists."""


class VoiceServiceDeletion(VoiceServiceKey):
    """The service is gone."""

    version: Version
    deleted: Literal[True]
    """The record is gone."""


class VoiceService(Received):
    """A voice service of an account at a site: bought, changed, or gone."""

    GUIDANCE = Guidance(
        sender="The system that sells voice services.",
        when=(
            "An account buys a voice service for a site, changes its quantity or its dates, or "
            "ends it. Also once for each record at the start, unless a file was imported."
        ),
        repeats=BY_VERSION,
        receiver=(
            "The sum of the quantities in force is the account's entitlement at the site. Its "
            "change cuts no number off; a shortage is published "
            "(`telephony.account.entitlement_exceeded.v1`)."
        ),
    )

    type: Literal["telephony.directory.voice_service.v1"] = "telephony.directory.voice_service.v1"
    data: Annotated[
        Annotated[VoiceServiceState, Tag(STATE)] | Annotated[VoiceServiceDeletion, Tag(DELETION)],
        Either,
    ]


class PhoneNumberState(PhoneNumberRecord):
    """The full state of the number."""

    version: Version
    deleted: Literal[False] = False
    """The record exists."""


class PhoneNumberDeletion(PhoneNumberKey):
    """The number is not provisioned any more."""

    version: Version
    deleted: Literal[True]
    """The record is gone."""


class PhoneNumberChange(Received):
    """A phone number: provisioned, allocated, assigned, renamed, or gone."""

    GUIDANCE = Guidance(
        sender="The system that owns numbers.",
        when=(
            "A number is provisioned, allocated to an account or taken from it, assigned to a "
            "person, renamed, set to rest, or gone. Also once for each record at the start, "
            "unless a file was imported."
        ),
        repeats=BY_VERSION,
        receiver=(
            "The worker applies it and publishes a change of the status "
            "(`telephony.phone_number.status_changed.v1`). While the number is PENDING the "
            "record waits. Taking an ACTIVE number away is a conflict "
            "(`telephony.directory.conflict.v1`): deactivate it first."
        ),
    )

    SHOWS_VALUES = False

    type: Literal["telephony.directory.phone_number.v1"] = "telephony.directory.phone_number.v1"
    data: Annotated[
        Annotated[PhoneNumberState, Tag(STATE)] | Annotated[PhoneNumberDeletion, Tag(DELETION)],
        Either,
    ]


class CallSettingsState(CallSettingsRecord):
    """The full call settings."""

    version: Version
    deleted: Literal[False] = False
    """The record exists."""


class CallSettingsDeletion(CallSettingsKey):
    """The number has no call settings any more."""

    version: Version
    deleted: Literal[True]
    """The record is gone."""


class CallSettings(Received):
    """Where the calls of a main number go."""

    GUIDANCE = Guidance(
        sender="The system that owns call settings.",
        when="The call settings of a main number are made, changed or deleted.",
        repeats=BY_VERSION,
        receiver=(
            "By them the worker decides whether a number joins the main number's hunt group "
            "after its activation. They wait while the number is PENDING, not provisioned, or no "
            "main number yet."
        ),
    )

    type: Literal["telephony.directory.call_settings.v1"] = "telephony.directory.call_settings.v1"
    data: Annotated[
        Annotated[CallSettingsState, Tag(STATE)] | Annotated[CallSettingsDeletion, Tag(DELETION)],
        Either,
    ]


class HuntGroupMemberState(HuntGroupMemberRecord):
    """The number is a member."""

    version: Version
    deleted: Literal[False] = False
    """The record exists."""


class HuntGroupMemberDeletion(HuntGroupMemberKey):
    """The number is no member any more."""

    version: Version
    deleted: Literal[True]
    """The record is gone."""


class HuntGroupMember(Received):
    """A number joined or left a hunt group."""

    GUIDANCE = Guidance(
        sender="The system that owns hunt groups.",
        when=("A number becomes a member of a hunt group by hand, or is taken out of it by hand."),
        repeats=BY_VERSION,
        receiver=(
            "The worker keeps the list of members: a deactivation leaves all groups on it. A "
            "member that was taken out stays out until its next activation."
        ),
    )

    type: Literal["telephony.directory.hunt_group_member.v1"] = (
        "telephony.directory.hunt_group_member.v1"
    )
    data: Annotated[
        Annotated[HuntGroupMemberState, Tag(STATE)]
        | Annotated[HuntGroupMemberDeletion, Tag(DELETION)],
        Either,
    ]


class HandsetLoginState(HandsetLoginRecord):
    """The number is logged in."""

    version: Version
    deleted: Literal[False] = False
    """The record exists."""


class HandsetLoginDeletion(HandsetLoginKey):
    """The number is logged out."""

    version: Version
    deleted: Literal[True]
    """The record is gone."""


class HandsetLogin(Received):
    """A number was logged in to a device, or logged out of it."""

    GUIDANCE = Guidance(
        sender="The system that owns devices.",
        when="A number is logged in to a device, or logged out of it.",
        repeats=BY_VERSION,
        receiver=(
            "A deactivation logs the number out of the digital devices and asks people to do so "
            "at the others. A deletion closes what was asked of people for the device."
        ),
    )

    type: Literal["telephony.directory.handset_login.v1"] = "telephony.directory.handset_login.v1"
    data: Annotated[
        Annotated[HandsetLoginState, Tag(STATE)] | Annotated[HandsetLoginDeletion, Tag(DELETION)],
        Either,
    ]


DirectoryMessage = VoiceService | PhoneNumberChange | CallSettings | HuntGroupMember | HandsetLogin


@unique
class ConflictCode(StrEnum):
    """Why a directory message was not applied."""

    NUMBER_IN_USE = "NUMBER_IN_USE"
    """It would take an ACTIVE number away: by another account or site, by none, by COOLDOWN, or by
    its deletion."""
    STATUS_NOT_ALLOWED = "STATUS_NOT_ALLOWED"
    """The platform does not make this change of the status."""
    SECOND_MAIN_NUMBER = "SECOND_MAIN_NUMBER"
    """The account has another main number at the site."""
    MAIN_NUMBER_IS_LOGGED_IN = "MAIN_NUMBER_IS_LOGGED_IN"
    """A main number is never logged in to a device."""
    MEMBER_OF_ITS_OWN_GROUP = "MEMBER_OF_ITS_OWN_GROUP"
    """A main number is never a member of its own hunt group."""


CONFLICT_REMEDIES: Final[Mapping[ConflictCode, str]] = {
    ConflictCode.NUMBER_IN_USE: "Deactivate the number, and publish the message again.",
    ConflictCode.STATUS_NOT_ALLOWED: "Send a command, or make the number AVAILABLE first.",
    ConflictCode.SECOND_MAIN_NUMBER: "End that one first, and publish the message again.",
    ConflictCode.MAIN_NUMBER_IS_LOGGED_IN: "End the login first, and publish the message again.",
    ConflictCode.MEMBER_OF_ITS_OWN_GROUP: (
        "End the membership first, and publish the message again."
    ),
}
"""What to do, by code."""


class DirectoryConflictData(Data):
    """What the message said, what the worker holds, and why the message was not applied."""

    kind: RecordKind
    """The kind of the record."""
    phone_number: PhoneNumber
    """The number that the record is about."""
    account_id: AccountId | None
    """The account that holds the number; null if none."""
    site_id: SiteId
    """The site of the number."""
    status: NumberStatus | None
    """The status of the number, which is unchanged; null if it is not provisioned."""
    sequence: int = Field(ge=0)
    """The sequence of this status."""
    command_id: Identifier
    """The id of the message that was not applied."""
    version: int | None = Field(ge=0)
    """The version of the message; null for a record of an import, which waited for the end of an
    operation."""
    deleted: bool
    """Whether the message deletes the record."""
    said: dict[str, object]
    """The fields of the record that the message gave."""
    code: ConflictCode
    """Why the message was not applied, for programs."""
    message: str
    """The reason and what to do, for people."""


class DirectoryConflict(Published):
    """A directory message contradicts what the worker holds. Nothing of it was applied."""

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "A directory message, or a record of an import that waited for the end of an "
            "operation, contradicts what the worker holds."
        ),
        repeats=(
            "It may come twice, with the same `id`. The version of the message is not "
            "remembered, so each repeat of the message conflicts again until the reason is gone."
        ),
        receiver=(
            "The system that owns the record does what the `code` asks for, and publishes the "
            "record again. Until then the platform and the worker differ in it."
        ),
    )

    type: Literal["telephony.directory.conflict.v1"] = "telephony.directory.conflict.v1"
    data: DirectoryConflictData
