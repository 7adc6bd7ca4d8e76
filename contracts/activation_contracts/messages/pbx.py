"""What the worker requests of PBX systems, and what they report back."""

from typing import Annotated, Final, Literal

from pydantic import Field

from activation_contracts.described import Described
from activation_contracts.envelope import Data, Published, Received
from activation_contracts.guidance import Guidance
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


AT_LEAST_ONCE: Final = (
    "The same message may come again, with the same `id`: after a broken connection, while the "
    "worker waits for a result, and when an operator has it tried again. Carry it out, or find it "
    "done. Messages may overtake each other: drop one whose `sequence` is lower than that of the "
    "last one that you applied to this handset, membership or extension."
)
"""What may repeat or arrive late of all PBX messages."""


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

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "During a deactivation, once for each digital handset at which the number is logged "
            "in: after it has left its hunt groups, and before the reset of its extension."
        ),
        repeats=AT_LEAST_ONCE,
        receiver=(
            "Log the number out of the handset; if it is not logged in there, all is well. "
            "Acknowledge after the work is done, and report it (`telephony.pbx.result.v1`) if "
            "the operator awaits results."
        ),
    )

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

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "`add`: after ACTIVE, if the account's main number at the site is ACTIVE and sends "
            "calls to its in-space hunt group. `remove`: first in a deactivation, once for each "
            "group of which the number is a member."
        ),
        repeats=AT_LEAST_ONCE,
        receiver=(
            "Make the number a member, or none; if it is so already, all is well. Acknowledge "
            "after the work is done, and report it (`telephony.pbx.result.v1`) if the operator "
            "awaits results. Refuse an `action` that you do not know."
        ),
    )

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

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "Last in a deactivation. Also after an activation that a silent PBX let run into its "
            "deadline: the PBX may have set the number up."
        ),
        repeats=AT_LEAST_ONCE,
        receiver=(
            "Clear the named features, ignore a name that you do not know, and set the PIN back "
            "to its default. Do it promptly: a reset that is applied after the next activation "
            "wipes the new user's settings. Acknowledge after the work is done, and report it "
            "(`telephony.pbx.result.v1`) if the operator awaits results."
        ),
    )

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

    GUIDANCE = Guidance(
        sender="A PBX provisioning system.",
        when=(
            "A PBX has carried out a message of `telephony.pbx`, cannot, or will not; or it has "
            "provisioned the number of a PENDING event whose `operation` is `activate`. Only "
            "needed for the steps that the operator awaits."
        ),
        repeats=(
            "Repeat a result under its `id`; give the result of a second attempt a new one. "
            "Late, repeated and unknown results do no harm. After silence or `retry_later` the "
            "worker sends its request again, with the same `id`: report each time."
        ),
        receiver=(
            "`done`, `already` and `not_applicable` complete the step. After `retry_later` the "
            "worker asks again, after a pause and as often as its settings allow. `refused` "
            "fails an activation; during a deactivation a person must decide; the join of a hunt "
            "group is asked for again."
        ),
    )

    type: Literal["telephony.pbx.result.v1"] = "telephony.pbx.result.v1"
    data: PbxResultData
