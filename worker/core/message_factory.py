"""Builds the messages about an operation: events, and requests to a PBX, with derived ids."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypedDict

from contracts.messages import (
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
from worker.core.explanations import at_deadline, explain
from worker.core.identity import derived_id
from worker.core.operation import Failure, OngoingOperation, PbxStep
from worker.core.situation import AccountAtSite, HandsetLogin, Number, Usage
from worker.core.steps import PbxMessage

__all__ = ["MessageFactory"]

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


class _NumberFields(TypedDict):
    phone_number: str
    extension: str | None
    account_id: str
    site_id: str
    command_id: str
    sequence: int


class _OperationFields(_NumberFields):
    status: NumberStatus
    operation: Operation
    requested_by: str | None


class _StatusFields(_OperationFields):
    previous_status: NumberStatus
    entitlement: Entitlement


class MessageFactory:
    """Builds the messages about one operation on one number.

    `holder` is the account and site that hold the number; `now` becomes the `time` of each message.
    """

    def __init__(self, operation: OngoingOperation, holder: AccountAtSite, now: datetime) -> None:
        self._operation = operation
        self._holder = holder
        self._now = now

    def pending_id(self, number: Number) -> str:
        """The id of the PENDING event. A PBX result for the step ACTIVATION names it."""
        return self._attributes(number, "status", NumberStatus.PENDING)["id"]

    def pending(
        self, before: Number, after: Number, usage: Usage, steps: Iterable[PbxStep]
    ) -> StatusChanged:
        """The number is PENDING: the steps it waits for, and what happens at the deadline."""
        return self._status_changed(
            after,
            StatusChangedData(
                **self._status_fields(before, after, usage),
                since=self._operation.since,
                deadline=self._operation.deadline,
                awaiting=tuple(step.as_contract() for step in steps),
                at_deadline=at_deadline(after.status, self._operation),
            ),
        )

    def active(self, before: Number, after: Number, usage: Usage) -> StatusChanged:
        """The number is ACTIVE, and which steps are outstanding."""
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
        """The number is RESERVED after its deactivation, and which settings were cleared."""
        return self._status_changed(
            after,
            StatusChangedData(
                **self._status_fields(before, after, usage),
                settings_cleared=before.settings,
                pin_reset=True,
                manual_logout=tuple(
                    ManualLogout(device_id=login.device_id, device_kind=login.device_kind)
                    for login in _manual_logins(before)
                ),
            ),
        )

    def delayed(self, number: Number) -> OperationDelayed:
        """The operation is late: the steps it waits for, and what happens at the deadline."""
        operation = self._operation
        return OperationDelayed(
            **self._attributes(number, "delayed", number.status, str(operation.retry_round)),
            data=OperationDelayedData(
                **self._operation_fields(number),
                since=operation.since,
                deadline=operation.deadline,
                awaiting=tuple(step.as_contract() for step in operation.open_steps),
                at_deadline=at_deadline(number.status, operation),
                message=(
                    f"The {_NOUNS[operation.operation]} of {number.phone_number} is late."
                    f" {explain(number.status, operation)}"
                ),
            ),
        )

    def failed(
        self, number: Number, usage: Usage, failure: Failure, *, needs_operator: bool
    ) -> OperationFailed:
        """The operation ended without success, or waits for an operator's decision."""
        # The words of a subject never change: they are part of the id.
        subject = (
            *("failed", number.status, failure.step or "", failure.code),
            *("person" if needs_operator else "end", str(self._operation.retry_round)),
        )
        return OperationFailed(
            **self._attributes(number, *subject),
            data=OperationFailedData(
                **self._operation_fields(number),
                since=self._operation.since,
                code=failure.code,
                step=failure.step,
                pbx_code=failure.pbx_code,
                detail=failure.detail,
                needs_a_person=needs_operator,
                entitlement=usage.as_contract(),
            ),
        )

    def join_hunt_group(self, number: Number, hunt_group_id: str) -> HuntGroupMembership:
        """The number becomes a member of the hunt group."""
        return HuntGroupMembership(
            **self._attributes(number, "hunt group", hunt_group_id, "add"),
            data=HuntGroupMembershipData(
                **self._number_fields(number), hunt_group_id=hunt_group_id, action="add"
            ),
        )

    def deprovision(self, before: Number, after: Number) -> tuple[PbxMessage, ...]:
        """The requests of a deactivation [S]: leave groups, log out of digital handsets, reset."""
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
        """The reset after a failed activation, which the PBX may have carried out in part [D]."""
        return self._reset(before, after, "undo")

    def manual_logouts(self, before: Number) -> tuple[ManualLogoutRequired, ...]:
        """One message for each device that cannot be logged out remotely [S]."""
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
            for login in _manual_logins(before)
        )

    def _reset(self, before: Number, after: Number, subject: str) -> ExtensionReset:
        return ExtensionReset(
            **self._attributes(after, subject),
            data=ExtensionResetData(
                **self._number_fields(after),
                # All features, not only those known to be set: the worker may not have been told
                # of a feature, and it must not stay for the next user of the number.
                clear=tuple(sorted({*EXTENSION_FEATURES, *before.settings})),
            ),
        )

    def _leave_hunt_group(self, number: Number, hunt_group_id: str) -> HuntGroupMembership:
        return HuntGroupMembership(
            **self._attributes(number, "hunt group", hunt_group_id, "remove"),
            data=HuntGroupMembershipData(
                **self._number_fields(number), hunt_group_id=hunt_group_id, action="remove"
            ),
        )

    def _log_out(self, number: Number, login: HandsetLogin) -> HandsetLogout:
        return HandsetLogout(
            **self._attributes(number, "handset logout", login.device_id),
            data=HandsetLogoutData(
                **self._number_fields(number),
                device_id=login.device_id,
                device_kind=login.device_kind,
            ),
        )

    def _status_changed(self, number: Number, data: StatusChangedData) -> StatusChanged:
        return StatusChanged(**self._attributes(number, "status", data.status), data=data)

    def _status_fields(self, before: Number, after: Number, usage: Usage) -> _StatusFields:
        return {
            **self._operation_fields(after),
            "previous_status": before.status,
            "entitlement": usage.as_contract(),
        }

    def _operation_fields(self, number: Number) -> _OperationFields:
        return {
            **self._number_fields(number),
            "status": number.status,
            "operation": self._operation.operation,
            "requested_by": self._operation.requested_by,
        }

    def _number_fields(self, number: Number) -> _NumberFields:
        return {
            "phone_number": number.phone_number,
            "extension": number.extension,
            "account_id": self._holder.account_id,
            "site_id": self._holder.site_id,
            "command_id": self._operation.command_id,
            "sequence": number.sequence,
        }

    def _attributes(self, number: Number, *subject: str) -> _Attributes:
        operation = self._operation
        return {
            "id": derived_id(operation.command_source, operation.command_id, *subject),
            "subject": number.phone_number,
            "time": self._now,
            "correlationid": operation.correlation_id,
            # The command causes every message; PENDING only reports progress.
            "causationid": operation.command_id,
            "traceparent": operation.traceparent,
            "tracestate": operation.tracestate,
            "partitionkey": self._holder.partition_key,
        }


def _manual_logins(number: Number) -> tuple[HandsetLogin, ...]:
    return tuple(login for login in number.logins if login.device_kind is not DeviceKind.DIGITAL)
