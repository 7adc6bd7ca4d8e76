"""The messages: one class for each type, its payload beside it."""

import hashlib
import json
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from contracts.envelope import Data, Envelope, Published
from contracts.refusals import RefusalCode
from contracts.values import (
    AccountId,
    AtDeadline,
    AwareDatetime,
    DeviceKind,
    FailureCode,
    Identifier,
    NumberStatus,
    Operation,
    PhoneNumber,
    PlainText,
    ShortText,
    SiteId,
    Step,
    StepResult,
)

__all__ = [
    "Activate",
    "AwaitedStep",
    "Command",
    "CommandData",
    "CommandMessage",
    "CommandRejected",
    "CommandRejectedData",
    "Deactivate",
    "Entitlement",
    "ExtensionReset",
    "ExtensionResetData",
    "HandsetLogout",
    "HandsetLogoutData",
    "HuntGroupMembership",
    "HuntGroupMembershipData",
    "ManualLogout",
    "ManualLogoutRequired",
    "ManualLogoutRequiredData",
    "OperationDelayed",
    "OperationDelayedData",
    "OperationFailed",
    "OperationFailedData",
    "PbxResult",
    "PbxResultData",
    "PublishedMessage",
    "StatusChanged",
    "StatusChangedData",
]


class CommandData(Data):
    """Which number, for which account, at which site, and who asked."""

    phone_number: PhoneNumber
    account_id: AccountId
    site_id: SiteId
    requested_by: ShortText | None = None


class CommandMessage(Envelope):
    """What all commands have in common."""

    data: CommandData

    @cached_property
    def fingerprint(self) -> str:
        """What makes two commands with one id the same command: their type and their payload.

        The envelope does not count: a resend may carry another time, trace or expiry.
        """
        # By name and without what is absent: a field that a later version adds changes nothing.
        content = {"type": self.type, **self.data.model_dump(exclude_none=True)}
        return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()


class Activate(CommandMessage):
    """Put a RESERVED number of the account into use; consumes one voice service at the site."""

    type: Literal["telephony.phone_number.activate.v1"] = "telephony.phone_number.activate.v1"


class Deactivate(CommandMessage):
    """Take an ACTIVE, unassigned number out of use; its settings are cleared for good."""

    type: Literal["telephony.phone_number.deactivate.v1"] = "telephony.phone_number.deactivate.v1"


Command = Activate | Deactivate


class Entitlement(Data):
    """Voice services of an account at a site: how many are bought and how many are in use."""

    limit: int = Field(ge=0)
    """The sum of the quantities in force today."""
    active: int = Field(ge=0)
    pending: int = Field(ge=0)
    """Numbers whose operation is under way, in either direction; each holds a service."""


class AwaitedStep(Data):
    """A step that is not done yet, and what ends the wait for it."""

    step: Step
    operation_id: Identifier
    """The id of the message that asks for the step; a PBX result names it."""
    waits_for: Literal["confirm", "result"]
    """`confirm`: the message is safely in a queue. `result`: the PBX says that it did it."""
    since: AwareDatetime | None
    """When the message was first sent; null while it is not."""
    attempt: int = Field(ge=1)
    attempts_maximum: int | None = Field(ge=1)
    """Null: it is tried for as long as it takes."""


class ManualLogout(Data):
    """A device that nobody can log out remotely."""

    device_id: PlainText
    device_kind: DeviceKind


class StatusChangedData(Data):
    """The number's new state. PENDING carries what it waits for, RESERVED what was cleared."""

    phone_number: PhoneNumber
    account_id: AccountId
    site_id: SiteId
    extension: PlainText | None
    status: NumberStatus
    previous_status: NumberStatus
    operation: Operation
    command_id: Identifier
    requested_by: ShortText | None
    sequence: int = Field(ge=1)
    """Rises by one with each status change of the number; drop what is not newer."""
    entitlement: Entitlement
    since: AwareDatetime | None = None
    """On PENDING: when the operation began."""
    deadline: AwareDatetime | None = None
    """On PENDING: when the operation counts as overdue."""
    awaiting: tuple[AwaitedStep, ...] | None = None
    """On PENDING: the steps that must be done first."""
    at_deadline: AtDeadline | None = None
    """On PENDING: what happens if it is not done by then."""
    outstanding: tuple[AwaitedStep, ...] | None = None
    """On ACTIVE: steps that follow, and whose results are awaited; the number is in use."""
    settings_cleared: tuple[str, ...] | None = None
    """On RESERVED: the settings that the number had and lost."""
    pin_reset: bool | None = None
    """On RESERVED: the PIN is the default again."""
    manual_logout: tuple[ManualLogout, ...] | None = None
    """On RESERVED: the devices at which a person must log the number out by hand."""


class StatusChanged(Published):
    """A number changed its status."""

    type: Literal["telephony.phone_number.status_changed.v1"] = (
        "telephony.phone_number.status_changed.v1"
    )
    data: StatusChangedData


class CommandRejectedData(Data):
    """Why a command was refused. Nothing was changed."""

    command_id: Identifier
    operation: Operation
    phone_number: PhoneNumber
    account_id: AccountId
    site_id: SiteId
    code: RefusalCode
    message: str
    """For people; the arithmetic of a refused entitlement included."""
    status: NumberStatus | None
    entitlement: Entitlement | None


class CommandRejected(Published):
    """A command was refused."""

    type: Literal["telephony.phone_number.command_rejected.v1"] = (
        "telephony.phone_number.command_rejected.v1"
    )
    data: CommandRejectedData


class ManualLogoutRequiredData(Data):
    """Which device, and where."""

    phone_number: PhoneNumber
    extension: PlainText | None
    account_id: AccountId
    site_id: SiteId
    device_id: PlainText
    device_kind: DeviceKind
    command_id: Identifier


class ManualLogoutRequired(Published):
    """Somebody must log this phone out by hand."""

    type: Literal["telephony.handset.manual_logout_required.v1"] = (
        "telephony.handset.manual_logout_required.v1"
    )
    data: ManualLogoutRequiredData


class OperationData(Data):
    """Which operation, on which number, and how the number stands."""

    phone_number: PhoneNumber
    account_id: AccountId
    site_id: SiteId
    extension: PlainText | None
    status: NumberStatus
    operation: Operation
    command_id: Identifier
    requested_by: ShortText | None
    sequence: int = Field(ge=1)
    since: AwareDatetime


class OperationDelayedData(OperationData):
    """What a late operation waits for, since when, and what happens next."""

    deadline: AwareDatetime
    awaiting: tuple[AwaitedStep, ...]
    at_deadline: AtDeadline
    message: str
    """For people."""


class OperationDelayed(Published):
    """An operation is at risk: late, and not yet failed. Said once."""

    type: Literal["telephony.phone_number.operation_delayed.v1"] = (
        "telephony.phone_number.operation_delayed.v1"
    )
    data: OperationDelayedData


class OperationFailedData(OperationData):
    """Why, at which step, and the status in which the number is left."""

    code: FailureCode
    step: Step | None
    """The step that failed; null where it was none in particular."""
    pbx_code: str | None
    """The PBX's own code."""
    detail: str
    """For people."""
    needs_a_person: bool
    """The worker does nothing more by itself: `activation-worker resolve` decides."""
    entitlement: Entitlement


class OperationFailed(Published):
    """An operation ended without success, or cannot go on without a person."""

    type: Literal["telephony.phone_number.operation_failed.v1"] = (
        "telephony.phone_number.operation_failed.v1"
    )
    data: OperationFailedData


class PbxData(Data):
    """What every PBX message says. Ignore one whose sequence is older than the last applied."""

    phone_number: PhoneNumber
    extension: PlainText | None
    account_id: AccountId
    site_id: SiteId
    command_id: Identifier
    sequence: int = Field(ge=1)


class HandsetLogoutData(PbxData):
    """The handset on which the number must no longer be logged in."""

    device_id: PlainText
    device_kind: DeviceKind
    reason: Literal["deactivated"] = "deactivated"


class HandsetLogout(Published):
    """Wished end state: this number is not logged in on this handset."""

    type: Literal["telephony.handset.logout.v1"] = "telephony.handset.logout.v1"
    data: HandsetLogoutData


class HuntGroupMembershipData(PbxData):
    """The group, and whether the number rings with it."""

    hunt_group_id: PlainText
    action: Literal["add", "remove"]


class HuntGroupMembership(Published):
    """Wished end state: this number is, or is not, a member of this hunt group."""

    type: Literal["telephony.hunt_group.membership.v1"] = "telephony.hunt_group.membership.v1"
    data: HuntGroupMembershipData


class ExtensionResetData(PbxData):
    """The features that must be blank afterwards; the PIN goes back to its default."""

    clear: tuple[str, ...]
    reset_pin: Literal[True] = True


class ExtensionReset(Published):
    """Wished end state: this extension is blank, its PIN the default."""

    type: Literal["telephony.extension.reset.v1"] = "telephony.extension.reset.v1"
    data: ExtensionResetData


class PbxResultData(Data):
    """What became of one step."""

    operation_id: Identifier
    """The id of the PBX message, or of the PENDING event of an activation."""
    result: StepResult
    code: ShortText | None = None
    """The PBX's own code, for machines."""
    detail: Annotated[PlainText, Field(max_length=1024)] | None = None
    """For people."""


class PbxResult(Envelope):
    """A PBX says what became of a step. Optional by configuration."""

    type: Literal["telephony.pbx.result.v1"] = "telephony.pbx.result.v1"
    data: PbxResultData


PublishedMessage = (
    StatusChanged
    | CommandRejected
    | OperationDelayed
    | OperationFailed
    | ManualLogoutRequired
    | HandsetLogout
    | HuntGroupMembership
    | ExtensionReset
)
"""Everything that the worker says."""
