"""The lines that an import reads: a record each, and its kind."""

from typing import Annotated, Final, Literal

from activation_contracts.records import (
    CallSettingsRecord,
    HandsetLoginRecord,
    HuntGroupMemberRecord,
    PhoneNumberRecord,
    VoiceServiceRecord,
)
from pydantic import ConfigDict, Field, TypeAdapter

__all__ = ["LINE", "Line"]

EXACT: Final = ConfigDict(extra="forbid")
"""Unlike in a message, an unknown field is most often a spelling error, and not ignored."""


class VoiceServiceLine(VoiceServiceRecord):
    """A line with a voice service."""

    model_config = EXACT
    kind: Literal["voice_service"]


class PhoneNumberLine(PhoneNumberRecord):
    """A line with a phone number."""

    model_config = EXACT
    kind: Literal["phone_number"]


class CallSettingsLine(CallSettingsRecord):
    """A line with the call settings of a main number."""

    model_config = EXACT
    kind: Literal["call_settings"]


class HuntGroupMemberLine(HuntGroupMemberRecord):
    """A line with a membership."""

    model_config = EXACT
    kind: Literal["hunt_group_member"]


class HandsetLoginLine(HandsetLoginRecord):
    """A line with a login."""

    model_config = EXACT
    kind: Literal["handset_login"]


Line = (
    VoiceServiceLine | PhoneNumberLine | CallSettingsLine | HuntGroupMemberLine | HandsetLoginLine
)

LINE: Final[TypeAdapter[Line]] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])
