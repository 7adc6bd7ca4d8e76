"""The records that the platform owns: a full state each, by message or in a file to import."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum, unique
from typing import Annotated, ClassVar, Final, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, Strict, model_validator

from activation_contracts.described import Described
from activation_contracts.envelope import Data
from activation_contracts.values import (
    AccountId,
    AccountKind,
    CallTarget,
    DeviceKind,
    NumberStatus,
    PhoneNumber,
    ShortText,
    SiteId,
)

__all__ = [
    "RECORD_CLASSES",
    "CallSettingsKey",
    "CallSettingsRecord",
    "HandsetLoginKey",
    "HandsetLoginRecord",
    "HuntGroupMemberKey",
    "HuntGroupMemberRecord",
    "Name",
    "PhoneNumberKey",
    "PhoneNumberRecord",
    "Record",
    "RecordClasses",
    "RecordKey",
    "RecordKind",
    "VoiceServiceKey",
    "VoiceServiceRecord",
]

Name = Annotated[
    str,
    Field(pattern=r"^[^\x00]+$", max_length=128),
    Described("A name or id of the platform: not empty, at most 128 characters."),
]
FeatureName = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_]{0,63}$"),
    Described(
        "The name of a feature of an extension.",
        name="FeatureName",
        examples=("voicemail",),
        one_line=True,
    ),
]
Flag = Annotated[bool, Strict()]
"""True or false: a "no" or a 1 is an error."""


def _feature_names(features: object) -> object:
    """The names of the features that are set. Their values may be secrets and are dropped."""
    if not isinstance(features, Mapping | list | tuple):
        return features
    # Checked before values are dropped: even an empty PIN does not belong here.
    if any("pin" in str(name).split("_") for name in features):
        raise ValueError("a PIN is not a feature: remove it")
    if isinstance(features, Mapping):
        return tuple(name for name, setting in features.items() if setting)
    return tuple(features)


def _sorted_unique(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


FeatureNames = Annotated[
    tuple[FeatureName, ...], BeforeValidator(_feature_names), AfterValidator(_sorted_unique)
]
"""Sorted, so that the same record said again is the same. An object is read as its names."""


def _require_date(value: object) -> object:
    # Pydantic also accepts a number, or a moment at midnight.
    if value is None or isinstance(value, date) or (isinstance(value, str) and len(value) == DAY):
        return value
    raise ValueError("must be a date, as in 2026-11-24")


DAY: Final = len("2026-11-24")
Day = Annotated[date, BeforeValidator(_require_date)]


@unique
class RecordKind(StrEnum):
    """The kinds of records, in the order in which an import stores them."""

    VOICE_SERVICE = "voice_service"
    """A voice service that an account has bought for a site."""
    PHONE_NUMBER = "phone_number"
    """A provisioned number."""
    CALL_SETTINGS = "call_settings"
    """Where the calls of a main number go."""
    HUNT_GROUP_MEMBER = "hunt_group_member"
    """A number that is a member of a hunt group."""
    HANDSET_LOGIN = "handset_login"
    """A device at which a number is logged in."""


class RecordKey(Data):
    """What identifies a record within its kind."""

    KIND: ClassVar[RecordKind]
    KEY: ClassVar[tuple[str, ...]]
    """The names of the fields that identify it."""

    @property
    def key(self) -> tuple[str, ...]:
        """The values of these fields."""
        return tuple(getattr(self, name) for name in self.KEY)


class VoiceServiceKey(RecordKey):
    """Identifies a voice service."""

    KIND = RecordKind.VOICE_SERVICE
    KEY: ClassVar[tuple[str, ...]] = ("service_id",)

    service_id: Name
    """The platform's id of the service."""


class VoiceServiceRecord(VoiceServiceKey):
    """A voice service that an account has bought for a site."""

    account_id: AccountId
    """The account that has bought the service."""
    account_kind: AccountKind
    site_id: SiteId
    """The site at which the service can be used."""
    quantity: Annotated[int, Strict(), Field(ge=0, le=1_000_000)]
    """How many numbers can be in use with it."""
    starts_on: Day | None = None
    """The first day on which it is in force; left out: it has begun."""
    ends_on: Day | None = None
    """The last day on which it is in force; left out: it does not end."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "VoiceServiceRecord":
        if self.starts_on and self.ends_on and self.starts_on > self.ends_on:
            raise ValueError("ends_on is before starts_on: correct one of them")
        return self


class PhoneNumberKey(RecordKey):
    """Identifies a phone number."""

    KIND = RecordKind.PHONE_NUMBER
    KEY: ClassVar[tuple[str, ...]] = ("phone_number",)

    phone_number: PhoneNumber


class PhoneNumberRecord(PhoneNumberKey):
    """A provisioned number."""

    site_id: SiteId
    """The site at which the number is provisioned."""
    account_id: AccountId | None = None
    """The account to which the number is allocated; left out: none."""
    extension: Name | None = None
    """The internal extension; left out: none."""
    status: NumberStatus | None = None
    """The status, but never PENDING. Left out: a number that gets an account becomes RESERVED, one
    that loses it AVAILABLE, and every other status stays."""
    main_number: Flag = False
    """Whether it is the account's main number at the site; left out: it is not."""
    assigned_to: Name | None = None
    """The user or team member who has the number; left out: nobody has it."""
    label: ShortText | None = None
    """The display label, at most 128 characters; left out: none."""
    features: FeatureNames = ()
    """The names of the features that are set; the worker does not keep their values."""
    pin_is_default: Flag = True
    """Whether the number has its default PIN; left out: it has."""

    @model_validator(mode="after")
    def _is_possible(self) -> "PhoneNumberRecord":
        if self.status is NumberStatus.PENDING:
            raise ValueError("only the worker sets PENDING: use the status before or after it")
        if self.status is NumberStatus.AVAILABLE and self.account_id is not None:
            raise ValueError("an AVAILABLE number has no account: remove account_id")
        held = {NumberStatus.RESERVED, NumberStatus.ACTIVE}
        if self.status in held and self.account_id is None:
            raise ValueError(f"a number that is {self.status} needs an account_id: add it")
        if self.main_number and self.assigned_to is not None:
            raise ValueError("a main number is not assigned to a person: remove assigned_to")
        if self.main_number and self.account_id is None:
            raise ValueError("a main number needs an account_id: add it, or remove main_number")
        return self


class CallSettingsKey(PhoneNumberKey):
    """Identifies the call settings of a number."""

    KIND = RecordKind.CALL_SETTINGS


class CallSettingsRecord(CallSettingsKey):
    """Where the calls of a main number go."""

    hunt_group_id: Name | None = None
    """The in-space hunt group of the number; left out: it has none."""
    in_hours: CallTarget
    """Where calls go in office hours."""
    out_of_hours: CallTarget
    """Where calls go outside office hours."""
    unanswered: CallTarget
    """Where calls go that are not answered."""


class HuntGroupMemberKey(RecordKey):
    """Identifies a membership."""

    KIND = RecordKind.HUNT_GROUP_MEMBER
    KEY: ClassVar[tuple[str, ...]] = ("hunt_group_id", "phone_number")

    hunt_group_id: Name
    """The platform's id of the hunt group."""
    phone_number: PhoneNumber
    """The member."""


class HuntGroupMemberRecord(HuntGroupMemberKey):
    """A number that is a member of a hunt group."""


class HandsetLoginKey(RecordKey):
    """Identifies a login."""

    KIND = RecordKind.HANDSET_LOGIN
    KEY: ClassVar[tuple[str, ...]] = ("phone_number", "device_id")

    phone_number: PhoneNumber
    """The number that is logged in."""
    device_id: Name
    """The platform's id of the device."""


class HandsetLoginRecord(HandsetLoginKey):
    """A device at which a number is logged in."""

    device_kind: DeviceKind


Record = (
    VoiceServiceRecord
    | PhoneNumberRecord
    | CallSettingsRecord
    | HuntGroupMemberRecord
    | HandsetLoginRecord
)


class RecordClasses(NamedTuple):
    """A record of one kind, and what identifies it."""

    record: type[Record]
    key: type[RecordKey]


RECORD_CLASSES: Final[Mapping[RecordKind, RecordClasses]] = {
    RecordKind.VOICE_SERVICE: RecordClasses(VoiceServiceRecord, VoiceServiceKey),
    RecordKind.PHONE_NUMBER: RecordClasses(PhoneNumberRecord, PhoneNumberKey),
    RecordKind.CALL_SETTINGS: RecordClasses(CallSettingsRecord, CallSettingsKey),
    RecordKind.HUNT_GROUP_MEMBER: RecordClasses(HuntGroupMemberRecord, HuntGroupMemberKey),
    RecordKind.HANDSET_LOGIN: RecordClasses(HandsetLoginRecord, HandsetLoginKey),
}
"""By kind, in the order of the kinds."""
