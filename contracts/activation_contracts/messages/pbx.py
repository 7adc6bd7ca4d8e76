"""What the worker requests of PBX systems, and what they report back."""

from typing import Annotated, Literal

from pydantic import Field

from activation_contracts.described import Described
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


LogoutReason = Annotated[
    Literal["deactivated"],
    Described("Why the number must be logged out: it was `deactivated`.", name="LogoutReason"),
]

MembershipAction = Annotated[
    Literal["add", "remove"],
    Described(
        "The desired state: `add` makes the number a member, `remove` makes it none.",
        name="MembershipAction",
    ),
]


class PbxData(Data):
    """The common part of all PBX messages.

    Ignore a message whose sequence is lower than that of the last one applied.
    """

    phone_number: PhoneNumber
    extension: PlainText | None
    """The internal extension; null if the number has none."""
    account_id: AccountId
    site_id: SiteId
    """The site, which is also in the routing key."""
    command_id: Identifier
    """The id of the command from which the message follows."""
    sequence: int = Field(ge=1)
    """The sequence of the number's status. Ignore the message if it is lower than the one that you
    applied last."""


class HandsetLogoutData(PbxData):
    """The handset from which the number must be logged out."""

    device_id: PlainText
    """The platform's id of the handset."""
    device_kind: DeviceKind
    """The kind of the device: digital, because no other can be logged out remotely."""
    reason: LogoutReason = "deactivated"
    """Why the number must be logged out."""


class HandsetLogout(Published):
    """Desired state: this number is not logged in on this handset."""

    type: Literal["telephony.handset.logout.v1"] = "telephony.handset.logout.v1"
    data: HandsetLogoutData


class HuntGroupMembershipData(PbxData):
    """The hunt group, and whether the number is a member."""

    hunt_group_id: PlainText
    """The platform's id of the hunt group."""
    action: MembershipAction
    """Whether the number is a member."""


class HuntGroupMembership(Published):
    """Desired state: this number is, or is not, a member of this hunt group."""

    type: Literal["telephony.hunt_group.membership.v1"] = "telephony.hunt_group.membership.v1"
    data: HuntGroupMembershipData


class ExtensionResetData(PbxData):
    """The features that must be cleared; the PIN is reset to its default."""

    clear: tuple[str, ...]
    """The names of the features to clear: all that an extension can have."""
    reset_pin: Literal[True] = True
    """Reset the PIN to its default."""


class ExtensionReset(Published):
    """Desired state: this extension has no features and the default PIN."""

    type: Literal["telephony.extension.reset.v1"] = "telephony.extension.reset.v1"
    data: ExtensionResetData


class PbxResultData(Data):
    """The result of one step."""

    operation_id: Identifier
    """The id of the message that requested the step: a PBX message, or a PENDING event."""
    result: StepResult
    """The result of the step."""
    code: ShortText | None = None
    """The PBX's own code, for machines."""
    detail: Annotated[PlainText, Field(max_length=1024)] | None = None
    """What the PBX says beyond that, for people; at most 1024 characters."""


class PbxResult(Received):
    """A PBX reports the result of a step. The worker can be configured to await it."""

    type: Literal["telephony.pbx.result.v1"] = "telephony.pbx.result.v1"
    data: PbxResultData
