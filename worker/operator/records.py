"""The records of an import, one a line: what other systems tell us."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    model_validator,
)

from contracts.values import (
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
    "RECORD",
    "CallSettingsRecord",
    "HandsetLoginRecord",
    "HuntGroupMemberRecord",
    "PhoneNumberRecord",
    "Record",
    "VoiceServiceRecord",
]

Name = Annotated[str, Field(pattern=r"^[^\u0000]+$", max_length=128)]
FeatureName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


def _names_of_features(features: object) -> object:
    """The names of what is set. What a feature is set to may be a secret: it is not kept."""
    if not isinstance(features, Mapping | list):
        return features
    # Before settings are dropped: a PIN that is set to nothing is a PIN in the wrong place too.
    if any("pin" in str(name).split("_") for name in features):
        raise ValueError("a PIN has no place here")
    if isinstance(features, Mapping):
        return tuple(name for name, setting in features.items() if setting)
    return tuple(features)


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


FeatureNames = Annotated[
    tuple[FeatureName, ...], BeforeValidator(_names_of_features), AfterValidator(_each_once)
]
"""Sorted, so that an unchanged import finds nothing changed."""


class _Record(BaseModel):
    # A field that we do not know is a typing error more often than news: nothing may vanish.
    # Strict, because a quantity of "5" or a main number of "no" is one too.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class VoiceServiceRecord(_Record):
    """A voice service that an account has at a site."""

    kind: Literal["voice_service"]
    service_id: Name
    account_id: AccountId
    account_kind: AccountKind
    site_id: SiteId
    quantity: int = Field(ge=0, le=1_000_000)
    starts_on: date | None = None
    ends_on: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "VoiceServiceRecord":
        if self.starts_on and self.ends_on and self.starts_on > self.ends_on:
            raise ValueError("ends_on is before starts_on")
        return self


class PhoneNumberRecord(_Record):
    """A provisioned number as its other owners know it."""

    kind: Literal["phone_number"]
    phone_number: PhoneNumber
    site_id: SiteId
    account_id: AccountId | None = None
    extension: Name | None = None
    status: NumberStatus
    main_number: bool = False
    assigned_to: Name | None = None
    label: ShortText | None = None
    features: FeatureNames = ()
    pin_is_default: bool = True

    @model_validator(mode="after")
    def _is_possible(self) -> "PhoneNumberRecord":
        if self.status is NumberStatus.PENDING:
            raise ValueError("PENDING is the worker's own: import the state before or after it")
        if self.status is NumberStatus.AVAILABLE and self.account_id is not None:
            raise ValueError("an AVAILABLE number has no account")
        held = {NumberStatus.RESERVED, NumberStatus.ACTIVE}
        if self.status in held and self.account_id is None:
            raise ValueError(f"a number that is {self.status} needs an account_id")
        if self.main_number and self.assigned_to is not None:
            raise ValueError("a main number is not assigned to a person")
        return self


class CallSettingsRecord(_Record):
    """Where the calls of a main number go."""

    kind: Literal["call_settings"]
    phone_number: PhoneNumber
    hunt_group_id: Name | None = None
    in_hours: CallTarget
    out_of_hours: CallTarget
    unanswered: CallTarget


class HuntGroupMemberRecord(_Record):
    """A number that rings with a hunt group."""

    kind: Literal["hunt_group_member"]
    hunt_group_id: Name
    phone_number: PhoneNumber


class HandsetLoginRecord(_Record):
    """A device at which a number is logged in."""

    kind: Literal["handset_login"]
    phone_number: PhoneNumber
    device_id: Name
    device_kind: DeviceKind


Record = (
    VoiceServiceRecord
    | PhoneNumberRecord
    | CallSettingsRecord
    | HuntGroupMemberRecord
    | HandsetLoginRecord
)

RECORD: Final[TypeAdapter[Record]] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])
