"""Events: what the worker publishes for the web tier and for everyone who subscribes."""

from typing import Annotated, Final, Literal

from pydantic import Field

from activation_contracts.described import Described
from activation_contracts.envelope import Data, Published
from activation_contracts.guidance import Guidance
from activation_contracts.refusals import RefusalCode
from activation_contracts.values import (
    AccountId,
    AtDeadline,
    AwareDatetime,
    ChangedBy,
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
)

__all__ = [
    "HOLDERS_MAXIMUM",
    "AwaitedStep",
    "CommandRejected",
    "CommandRejectedData",
    "Entitlement",
    "ManualLogout",
    "ManualLogoutRequired",
    "ManualLogoutRequiredData",
    "ServiceHolder",
    "StatusChanged",
    "StatusChangedData",
]

HOLDERS_MAXIMUM: Final = 20
"""The most numbers that a refusal lists."""


class Entitlement(Data):
    """The voice services of an account at a site: bought, and in use."""

    limit: int = Field(ge=0)
    """The sum of the quantities in force today."""
    active: int = Field(ge=0)
    """Numbers that are ACTIVE; each consumes a voice service."""
    pending: int = Field(ge=0)
    """Numbers whose activation or deactivation is under way; each consumes a voice service."""


CompletedBy = Annotated[
    Literal["confirm", "result"],
    Described(
        "What completes a step: the broker's `confirm` of the message, or a `result` of the PBX.",
        name="CompletedBy",
    ),
]


class AwaitedStep(Data):
    """A step that is not done yet, and what completes it."""

    step: Step
    """The part of the operation."""
    operation_id: Identifier
    """The id of the message that requests the step; a PBX result names it."""
    waits_for: CompletedBy
    """What completes the step."""
    since: AwareDatetime | None
    """When the message was first sent; null if it is unsent."""
    attempt: int = Field(ge=1)
    """The number of the attempt, from 1."""
    attempts_maximum: int | None = Field(ge=1)
    """The attempt at which a `retry_later` ends the step as failed. Each attempt that stays silent
    raises it by one: silence uses up no attempt. Null: no limit."""


class ManualLogout(Data):
    """A device that cannot be logged out remotely."""

    device_id: PlainText
    """The platform's id of the device."""
    device_kind: DeviceKind
    """The kind of the device."""


class StatusChangedData(Data):
    """The new status. PENDING lists the awaited steps, RESERVED the cleared settings."""

    phone_number: PhoneNumber
    account_id: AccountId | None
    """The account that holds the number, or that it has just left; null if no account held it."""
    site_id: SiteId
    extension: PlainText | None
    """The internal extension; null if the number has none."""
    status: NumberStatus
    """The new status."""
    previous_status: NumberStatus
    """The status before it."""
    operation: ChangedBy
    """What changed the status."""
    command_id: Identifier
    """The id of the command, of the directory message, or of the import."""
    requested_by: ShortText | None
    """Who asked, as the command said; null if it did not."""
    sequence: int = Field(ge=1)
    """Incremented by one with each status change of the number. Drop a `status_changed` that is not
    newer than the last one that you applied."""
    entitlement: Entitlement | None
    """The account's voice services after the change; null if no account holds the number any
    more."""
    since: AwareDatetime | None = None
    """On PENDING: when the operation began."""
    deadline: AwareDatetime | None = None
    """On PENDING: when the operation counts as overdue."""
    awaiting: tuple[AwaitedStep, ...] | None = None
    """On PENDING: the steps that must be completed first."""
    at_deadline: AtDeadline | None = None
    """On PENDING: what happens at the deadline if the operation is not completed."""
    outstanding: tuple[AwaitedStep, ...] | None = None
    """On ACTIVE and RESERVED: the aftermath, steps that are not done yet. The command has ended."""
    failure: FailureCode | None = None
    """On RESERVED: the operation ended without success; its `operation_failed` ends the command."""
    settings_cleared: tuple[str, ...] | None = None
    """On RESERVED: the settings that were cleared."""
    pin_reset: bool | None = None
    """On RESERVED: the PIN is the default again."""
    manual_logout: tuple[ManualLogout, ...] | None = None
    """On RESERVED: the devices at which the number must be logged out by hand."""


class StatusChanged(Published):
    """A number changed its status."""

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "After every change of a number's status, by a command, a directory message or an "
            "import, in the order of the number's `sequence`. First provisioning is no change. "
            "The PENDING that answers a command goes to the command's `reply_to`, too."
        ),
        repeats=(
            "Any may come twice, with the same `id`, or late. PENDING also comes again while the "
            "worker asks a silent PBX for the activation. The `sequence` settles it: it rises by "
            "one with each change, for ever."
        ),
        receiver=(
            "Store the `sequence` with the number. Apply what is newer, drop the rest; where one "
            "is missing, ask for a report. ACTIVE ends an activation. RESERVED without `failure` "
            "ends a deactivation; with it, `telephony.phone_number.operation_failed.v1` has "
            "ended the command. PENDING ends nothing: the number must not be used or edited yet. "
            "A PBX that provisions numbers answers the PENDING of an activation with "
            "`telephony.pbx.result.v1`."
        ),
    )

    type: Literal["telephony.phone_number.status_changed.v1"] = (
        "telephony.phone_number.status_changed.v1"
    )
    data: StatusChangedData


class ServiceHolder(Data):
    """A number of the account at the site that is ACTIVE or PENDING: it uses a voice service."""

    phone_number: PhoneNumber
    status: NumberStatus
    """Its status: ACTIVE or PENDING."""


class CommandRejectedData(Data):
    """Why a command was refused. The number is unchanged."""

    command_id: Identifier
    """The id of the command."""
    operation: Operation
    """The operation that the command requested."""
    phone_number: PhoneNumber
    """The number, as the command named it."""
    account_id: AccountId
    """The account, as the command named it."""
    site_id: SiteId
    """The site, as the command named it."""
    code: RefusalCode
    """Why the command was refused, for programs."""
    message: str
    """The reason, for people; on ENTITLEMENT_EXHAUSTED with the arithmetic."""
    status: NumberStatus | None
    """The status of the number; null where it does not apply."""
    entitlement: Entitlement | None
    """The account's voice services; null where they do not apply."""
    holders: tuple[ServiceHolder, ...] | None = None
    """On ENTITLEMENT_EXHAUSTED: the first numbers that use the services, up to 20, in the order of
    the numbers."""


class CommandRejected(Published):
    """A command was refused."""

    GUIDANCE = Guidance(
        sender="The worker.",
        when="A command is refused. It goes to the command's `reply_to`, too.",
        repeats=(
            "It may come twice, with the same `id`. A repeat of the command publishes nothing, "
            "and gets this same answer at its `reply_to`."
        ),
        receiver=(
            "The command has ended and nothing has changed. Show `message` to the person; let "
            "programs decide by `code`. Send a corrected command under a new `id`."
        ),
    )

    type: Literal["telephony.phone_number.command_rejected.v1"] = (
        "telephony.phone_number.command_rejected.v1"
    )
    data: CommandRejectedData


class ManualLogoutRequiredData(Data):
    """The device, its number and its site."""

    phone_number: PhoneNumber
    """The number that must be logged out."""
    extension: PlainText | None
    """Its internal extension; null if it has none."""
    account_id: AccountId
    site_id: SiteId
    device_id: PlainText
    """The platform's id of the device."""
    device_kind: DeviceKind
    """The kind of the device."""
    command_id: Identifier
    """The id of the deactivation."""
    sequence: int = Field(ge=1)
    """The sequence of the RESERVED status after the deactivation."""


class ManualLogoutRequired(Published):
    """The number must be logged out of this device by hand."""

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "With the RESERVED of a deactivation, once for each device at which the number is "
            "logged in and that no PBX can log out: analogue handsets and softphones."
        ),
        repeats="It may come twice, with the same `id`: one task for each `id`.",
        receiver=(
            "Have a person log the number out at this device. The task stays on the operators' "
            "list until the platform deletes the login (`telephony.directory.handset_login.v1`) "
            "or an operator closes it."
        ),
    )

    type: Literal["telephony.handset.manual_logout_required.v1"] = (
        "telephony.handset.manual_logout_required.v1"
    )
    data: ManualLogoutRequiredData
