"""The kinds of records that an import reads, one on each line."""

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


def _feature_names(features: object) -> object:
    """The names of the features that are set. Their values may be secrets and are dropped."""
    if not isinstance(features, Mapping | list):
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
"""Sorted, so that a repeated import changes no rows."""


class _Record(BaseModel):
    # An unknown field is most often a spelling error, and must not be ignored. Strict, because a
    # quantity of "5" or a main number of "no" is an error too.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class VoiceServiceRecord(_Record):
    """A voice service that an account bought for a site."""

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
            raise ValueError("ends_on is before starts_on: correct one of them")
        return self


class PhoneNumberRecord(_Record):
    """A provisioned number."""

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
            raise ValueError("only the worker sets PENDING: use the status before or after it")
        if self.status is NumberStatus.AVAILABLE and self.account_id is not None:
            raise ValueError("an AVAILABLE number has no account: remove account_id")
        held = {NumberStatus.RESERVED, NumberStatus.ACTIVE}
        if self.status in held and self.account_id is None:
            raise ValueError(f"a number that is {self.status} needs an account_id: add it")
        if self.main_number and self.assigned_to is not None:
            raise ValueError("a main number is not assigned to a person: remove assigned_to")
        return self


class CallSettingsRecord(_Record):
    """Where calls to a main number go."""

    kind: Literal["call_settings"]
    phone_number: PhoneNumber
    hunt_group_id: Name | None = None
    in_hours: CallTarget
    out_of_hours: CallTarget
    unanswered: CallTarget


class HuntGroupMemberRecord(_Record):
    """A number that is a member of a hunt group."""

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
