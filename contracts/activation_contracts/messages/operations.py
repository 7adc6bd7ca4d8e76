"""Events about operations: late, failed, and what an ended one left to do."""

from typing import Literal

from pydantic import Field

from activation_contracts.envelope import Data, Published
from activation_contracts.guidance import Guidance
from activation_contracts.messages.events import AwaitedStep, Entitlement
from activation_contracts.values import (
    AccountId,
    AftermathKind,
    AftermathState,
    AtDeadline,
    AwareDatetime,
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
    "OperationAftermath",
    "OperationAftermathData",
    "OperationDelayed",
    "OperationDelayedData",
    "OperationFailed",
    "OperationFailedData",
]


class OperationData(Data):
    """The operation, its number, and the status of the number."""

    phone_number: PhoneNumber
    account_id: AccountId
    site_id: SiteId
    extension: PlainText | None
    """The internal extension; null if the number has none."""
    status: NumberStatus
    """The status that the event is about."""
    operation: Operation
    """What the command requested."""
    command_id: Identifier
    """The id of the command that requested the operation."""
    requested_by: ShortText | None
    """Who asked, as the command said; null if it did not."""
    sequence: int = Field(ge=1)
    """The sequence of the status that the event is about. It is no reason to drop the event:
    recognise a repeat by its `id`."""
    since: AwareDatetime
    """When the operation began."""


class OperationDelayedData(OperationData):
    """The steps that a late operation waits for, and what happens at the deadline."""

    deadline: AwareDatetime
    """When the operation counts as overdue."""
    awaiting: tuple[AwaitedStep, ...]
    """The steps that are not done yet."""
    at_deadline: AtDeadline
    """What happens at the deadline if the operation is not completed."""
    message: str
    """What the operation waits for and what happens next, for people."""


class OperationDelayed(Published):
    """An operation is late and has not failed yet. Published once, and again after a retry."""

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "An operation under way takes longer than the operator's settings expect: once, and "
            "once more after an operator has it tried again."
        ),
        repeats=(
            "It may come twice, with the same `id`, or after the end of its operation: the "
            "stored `sequence` of the number is then higher."
        ),
        receiver=(
            "Show `message` to the person who waits. Nothing has ended or failed, and nothing "
            "needs to be sent."
        ),
    )

    type: Literal["telephony.phone_number.operation_delayed.v1"] = (
        "telephony.phone_number.operation_delayed.v1"
    )
    data: OperationDelayedData


class OperationFailedData(OperationData):
    """The reason, the failed step, and the resulting status of the number."""

    code: FailureCode
    """Why the operation failed, or needs an operator."""
    step: Step | None
    """The step that failed; null if no step in particular failed."""
    pbx_code: str | None
    """The PBX's own code; null if it gave none."""
    detail: str
    """What happened, for people."""
    needs_a_person: bool
    """True: the operation waits for an operator to run `activation-worker resolve`."""
    entitlement: Entitlement
    """The account's voice services after the failure."""


class OperationFailed(Published):
    """An operation ended without success, or needs an operator's decision."""

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "An activation has ended without success, by a PBX's refusal, by its deadline or by "
            "an operator; or an operation waits for an operator's decision (`needs_a_person`); "
            "or an operator has given up a deactivation."
        ),
        repeats=(
            "It may come twice, with the same `id`. With `needs_a_person` the operation goes on, "
            "and its last event comes later, perhaps much later."
        ),
        receiver=(
            "Without `needs_a_person` the command has ended: show `detail`, and let programs "
            "decide by `code`. RESERVED follows with the same code in `failure`. With "
            "`needs_a_person` go on waiting; an operator runs `activation-worker resolve`."
        ),
    )

    type: Literal["telephony.phone_number.operation_failed.v1"] = (
        "telephony.phone_number.operation_failed.v1"
    )
    data: OperationFailedData


class OperationAftermathData(OperationData):
    """What an ended operation left to do, how far that is, and why."""

    since: AwareDatetime
    """When the operation ended and its aftermath began."""
    what: AftermathKind
    """What is left to do."""
    state: AftermathState
    """How far it is."""
    awaiting: tuple[AwaitedStep, ...]
    """The steps that are not done; empty if nothing follows."""
    code: FailureCode | None
    """Why an operator must decide, or gave up; null otherwise."""
    pbx_code: str | None
    """The PBX's own code; null if it gave none."""
    detail: str
    """What is outstanding and what happens next, for people."""


class OperationAftermath(Published):
    """An operation that has ended left something to do: the news of that, up to its last word."""

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "An operation has ended, and a PBX that is awaited has not done what follows: the "
            "join of a hunt group after ACTIVE, the reset of the extension after a failed "
            "activation. Once when that takes long or needs an operator, and in the end exactly "
            "once with the last word."
        ),
        repeats="It may come twice, with the same `id`, and long after the command has ended.",
        receiver=(
            "The command stays ended, and the status of the number does not depend on this. Show "
            "it to those who look after the PBX; `done`, `given_up` and `superseded` close it."
        ),
    )

    type: Literal["telephony.phone_number.aftermath.v1"] = "telephony.phone_number.aftermath.v1"
    data: OperationAftermathData
