"""What the worker says: the messages that follow from a change, with derived ids."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypedDict

from contracts.messages import (
    Activate,
    Command,
    CommandRejected,
    CommandRejectedData,
    Deactivate,
    Entitlement,
    ExtensionReset,
    ExtensionResetData,
    HandsetLogout,
    HandsetLogoutData,
    HuntGroupMembership,
    HuntGroupMembershipData,
    ManualLogout,
    ManualLogoutRequired,
    ManualLogoutRequiredData,
    OperationDelayed,
    OperationDelayedData,
    OperationFailed,
    OperationFailedData,
    StatusChanged,
    StatusChangedData,
)
from contracts.values import EXTENSION_FEATURES, DeviceKind, NumberStatus, Operation
from worker.core.explanations import at_deadline, explained
from worker.core.identity import derived_id
from worker.core.operation import Failure, OngoingOperation, PbxStep
from worker.core.situation import AccountAtSite, HandsetLogin, Number, Usage
from worker.core.steps import PbxMessage
from worker.core.validation import Refused, Request

__all__ = ["MessageFactory", "operation_of", "rejection"]

_OPERATIONS: Final[dict[type[Command], Operation]] = {
    Activate: Operation.ACTIVATE,
    Deactivate: Operation.DEACTIVATE,
}
_NOUNS: Final = {Operation.ACTIVATE: "activation", Operation.DEACTIVATE: "deactivation"}


class _Attributes(TypedDict):
    id: str
    subject: str
    time: datetime
    correlationid: str
    causationid: str
    traceparent: str | None
    tracestate: str | None
    partitionkey: str


class _PbxFields(TypedDict):
    phone_number: str
    extension: str | None
    account_id: str
    site_id: str
    command_id: str
    sequence: int


class _StatusFields(TypedDict):
    phone_number: str
    account_id: str
    site_id: str
    extension: str | None
    status: NumberStatus
    previous_status: NumberStatus
    operation: Operation
    command_id: str
    requested_by: str | None
    sequence: int
    entitlement: Entitlement


class _OperationFields(TypedDict):
    phone_number: str
    account_id: str
    site_id: str
    extension: str | None
    status: NumberStatus
    operation: Operation
    command_id: str
    requested_by: str | None
    sequence: int
    since: datetime


def operation_of(command: Command) -> Operation:
    """What the command asks for."""
    return _OPERATIONS[type(command)]


def rejection(question: Request, refused: Refused) -> CommandRejected:
    """The answer to a refused command. A reused id gets an id of its own for each content."""
    command, situation = question.command, question.situation
    data = command.data
    number = situation.number if refused.names_status else None
    return CommandRejected(
        id=derived_id(command.source, command.id, "rejected", command.fingerprint),
        subject=data.phone_number,
        time=question.now,
        correlationid=command.correlationid or command.id,
        causationid=command.id,
        traceparent=command.traceparent,
        tracestate=command.tracestate,
        partitionkey=AccountAtSite(data.account_id, data.site_id).partition_key,
        data=CommandRejectedData(
            command_id=command.id,
            operation=operation_of(command),
            phone_number=data.phone_number,
            account_id=data.account_id,
            site_id=data.site_id,
            code=refused.code,
            message=refused.detail,
            status=number.status if number else None,
            entitlement=situation.usage.as_contract() if refused.names_entitlement else None,
        ),
    )


class MessageFactory:
    """Speaks of one operation on one number, at one moment."""

    def __init__(self, operation: OngoingOperation, holder: AccountAtSite, now: datetime) -> None:
        self._operation = operation
        self._holder = holder
        self._now = now

    def pending_id(self, number: Number) -> str:
        """The id of the PENDING event: by it a PBX answers that it has provisioned the number."""
        return self._attributes(number, "status", NumberStatus.PENDING)["id"]

    def pending(
        self, before: Number, after: Number, usage: Usage, awaited: Iterable[PbxStep]
    ) -> StatusChanged:
        """The number is PENDING: what it waits for, and what happens at the deadline."""
        return self._status_changed(
            after,
            StatusChangedData(
                **self._status_fields(before, after, usage),
                since=self._operation.since,
                deadline=self._operation.deadline,
                awaiting=tuple(step.as_contract() for step in awaited),
                at_deadline=at_deadline(after.status, self._operation),
            ),
        )

    def active(self, before: Number, after: Number, usage: Usage) -> StatusChanged:
        """The number is ACTIVE, and what follows that is awaited."""
        outstanding = after.ongoing.open_steps if after.ongoing else ()
        return self._status_changed(
            after,
            StatusChangedData(
                **self._status_fields(before, after, usage),
                outstanding=tuple(step.as_contract() for step in outstanding) or None,
            ),
        )

    def reserved(self, before: Number, after: Number, usage: Usage) -> StatusChanged:
        """The number is RESERVED again: its activation failed."""
        return self._status_changed(
            after, StatusChangedData(**self._status_fields(before, after, usage))
        )

    def reserved_blank(self, before: Number, after: Number, usage: Usage) -> StatusChanged:
        """The number is RESERVED again after its deactivation, and what was cleared."""
        return self._status_changed(
            after,
            StatusChangedData(
                **self._status_fields(before, after, usage),
                settings_cleared=before.settings,
                pin_reset=True,
                manual_logout=tuple(
                    ManualLogout(device_id=login.device_id, device_kind=login.device_kind)
                    for login in _logged_out_by_hand(before)
                ),
            ),
        )

    def delayed(self, number: Number) -> OperationDelayed:
        """The operation is late: what it waits for, and what happens next."""
        operation = self._operation
        about = ("delayed", number.status, str(operation.round))
        return OperationDelayed(
            **self._attributes(number, *about),
            data=OperationDelayedData(
                **self._operation_fields(number),
                deadline=operation.deadline,
                awaiting=tuple(step.as_contract() for step in operation.open_steps),
                at_deadline=at_deadline(number.status, operation),
                message=(
                    f"The {_NOUNS[operation.operation]} of {number.phone_number} is late."
                    f" {explained(number.status, operation)}"
                ),
            ),
        )

    def failed(
        self, number: Number, usage: Usage, failure: Failure, *, needs_a_person: bool
    ) -> OperationFailed:
        """The operation ended without success, or cannot go on without a person."""
        step, ending = failure.step or "", "person" if needs_a_person else "end"
        about = ("failed", number.status, step, failure.code, ending, str(self._operation.round))
        return OperationFailed(
            **self._attributes(number, *about),
            data=OperationFailedData(
                **self._operation_fields(number),
                code=failure.code,
                step=failure.step,
                pbx_code=failure.pbx_code,
                detail=failure.detail,
                needs_a_person=needs_a_person,
                entitlement=usage.as_contract(),
            ),
        )

    def join_hunt_group(self, number: Number, hunt_group_id: str) -> HuntGroupMembership:
        """The number rings with the group from now on."""
        return HuntGroupMembership(
            **self._attributes(number, "hunt group", hunt_group_id, "add"),
            data=HuntGroupMembershipData(
                **self._pbx_fields(number), hunt_group_id=hunt_group_id, action="add"
            ),
        )

    def deprovision(self, before: Number, after: Number) -> tuple[PbxMessage, ...]:
        """What the PBX must do, in this order: leave groups, log out of handsets, reset."""
        return (
            *(self._leave_hunt_group(after, group) for group in before.hunt_groups),
            *(
                self._log_out(after, login)
                for login in before.logins
                if login.device_kind is DeviceKind.DIGITAL
            ),
            self._reset(before, after, "extension reset"),
        )

    def compensate(self, before: Number, after: Number) -> ExtensionReset:
        """The extension is blank again, however far the PBX had come."""
        return self._reset(before, after, "undo")

    def manual_logouts(self, before: Number) -> tuple[ManualLogoutRequired, ...]:
        """One message for each device that a person must go to."""
        return tuple(
            ManualLogoutRequired(
                **self._attributes(before, "manual logout", login.device_id),
                data=ManualLogoutRequiredData(
                    phone_number=before.phone_number,
                    extension=before.extension,
                    account_id=self._holder.account_id,
                    site_id=self._holder.site_id,
                    device_id=login.device_id,
                    device_kind=login.device_kind,
                    command_id=self._operation.command_id,
                ),
            )
            for login in _logged_out_by_hand(before)
        )

    def _reset(self, before: Number, after: Number, about: str) -> ExtensionReset:
        return ExtensionReset(
            **self._attributes(after, about),
            data=ExtensionResetData(
                **self._pbx_fields(after),
                # All of them and not only those we know to be set: what we were never told of
                # must not ring on in the next user's name.
                clear=tuple(sorted({*EXTENSION_FEATURES, *before.settings})),
            ),
        )

    def _leave_hunt_group(self, number: Number, hunt_group_id: str) -> HuntGroupMembership:
        return HuntGroupMembership(
            **self._attributes(number, "hunt group", hunt_group_id, "remove"),
            data=HuntGroupMembershipData(
                **self._pbx_fields(number), hunt_group_id=hunt_group_id, action="remove"
            ),
        )

    def _log_out(self, number: Number, login: HandsetLogin) -> HandsetLogout:
        return HandsetLogout(
            **self._attributes(number, "handset logout", login.device_id),
            data=HandsetLogoutData(
                **self._pbx_fields(number),
                device_id=login.device_id,
                device_kind=login.device_kind,
            ),
        )

    def _status_changed(self, number: Number, data: StatusChangedData) -> StatusChanged:
        return StatusChanged(**self._attributes(number, "status", data.status), data=data)

    def _status_fields(self, before: Number, after: Number, usage: Usage) -> _StatusFields:
        return {
            "phone_number": after.phone_number,
            "account_id": self._holder.account_id,
            "site_id": self._holder.site_id,
            "extension": after.extension,
            "status": after.status,
            "previous_status": before.status,
            "operation": self._operation.operation,
            "command_id": self._operation.command_id,
            "requested_by": self._operation.requested_by,
            "sequence": after.sequence,
            "entitlement": usage.as_contract(),
        }

    def _operation_fields(self, number: Number) -> _OperationFields:
        return {
            "phone_number": number.phone_number,
            "account_id": self._holder.account_id,
            "site_id": self._holder.site_id,
            "extension": number.extension,
            "status": number.status,
            "operation": self._operation.operation,
            "command_id": self._operation.command_id,
            "requested_by": self._operation.requested_by,
            "sequence": number.sequence,
            "since": self._operation.since,
        }

    def _attributes(self, number: Number, *about: str) -> _Attributes:
        operation = self._operation
        return {
            "id": derived_id(operation.command_source, operation.command_id, *about),
            "subject": number.phone_number,
            "time": self._now,
            "correlationid": operation.correlation_id,
            # The command causes all of it; PENDING only reports on the way.
            "causationid": operation.command_id,
            "traceparent": operation.traceparent,
            "tracestate": operation.tracestate,
            "partitionkey": self._holder.partition_key,
        }

    def _pbx_fields(self, number: Number) -> _PbxFields:
        return {
            "phone_number": number.phone_number,
            "extension": number.extension,
            "account_id": self._holder.account_id,
            "site_id": self._holder.site_id,
            "command_id": self._operation.command_id,
            "sequence": number.sequence,
        }


def _logged_out_by_hand(number: Number) -> tuple[HandsetLogin, ...]:
    return tuple(login for login in number.logins if login.device_kind is not DeviceKind.DIGITAL)
