"""What the worker requests of PBX systems, and what they report back."""

from typing import Annotated, Literal

from pydantic import Field

from activation_contracts.envelope import Data, Published, Received
from activation_contracts.values import (
    AccountId,
    DeviceKind,
    Identifier,
    PhoneNumber,
    PlainText,
    ShortText,
    SiteId,
    StepResult,
)

__all__ = [
    "ExtensionReset",
    "ExtensionResetData",
    "HandsetLogout",
    "HandsetLogoutData",
    "HuntGroupMembership",
    "HuntGroupMembershipData",
    "PbxData",
    "PbxResult",
    "PbxResultData",
]


class PbxData(Data):
    """The common part of all PBX messages.

    Ignore a message whose sequence is lower than that of the last one applied.
    """

    phone_number: PhoneNumber
    extension: PlainText | None
    account_id: AccountId
    site_id: SiteId
    command_id: Identifier
    sequence: int = Field(ge=1)


class HandsetLogoutData(PbxData):
    """The handset from which the number must be logged out."""

    device_id: PlainText
    device_kind: DeviceKind
    reason: Literal["deactivated"] = "deactivated"


class HandsetLogout(Published):
    """Desired state: this number is not logged in on this handset."""

    type: Literal["telephony.handset.logout.v1"] = "telephony.handset.logout.v1"
    data: HandsetLogoutData


class HuntGroupMembershipData(PbxData):
    """The hunt group, and whether the number is a member."""

    hunt_group_id: PlainText
    action: Literal["add", "remove"]


class HuntGroupMembership(Published):
    """Desired state: this number is, or is not, a member of this hunt group."""

    type: Literal["telephony.hunt_group.membership.v1"] = "telephony.hunt_group.membership.v1"
    data: HuntGroupMembershipData


class ExtensionResetData(PbxData):
    """The features that must be cleared; the PIN is reset to its default."""

    clear: tuple[str, ...]
    reset_pin: Literal[True] = True


class ExtensionReset(Published):
    """Desired state: this extension has no features and the default PIN."""

    type: Literal["telephony.extension.reset.v1"] = "telephony.extension.reset.v1"
    data: ExtensionResetData


class PbxResultData(Data):
    """The result of one step."""

    operation_id: Identifier
    """The id of the message that requested the step: a PBX message, or a PENDING event."""
    result: StepResult
    code: ShortText | None = None
    """The PBX's own code, for machines."""
    detail: Annotated[PlainText, Field(max_length=1024)] | None = None
    """For people."""


class PbxResult(Received):
    """A PBX reports the result of a step. The worker can be configured to await it."""

    type: Literal["telephony.pbx.result.v1"] = "telephony.pbx.result.v1"
    data: PbxResultData
