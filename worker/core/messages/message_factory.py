"""Builds the messages about an operation: events, and requests to a PBX, with derived ids."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from activation_contracts.messages import (
    AwaitedStep,
    Entitlement,
    ManualLogout,
    ManualLogoutRequired,
    ManualLogoutRequiredData,
    OperationAftermath,
    OperationAftermathData,
    OperationDelayed,
    OperationDelayedData,
    OperationFailed,
    OperationFailedData,
    StatusChanged,
    StatusChangedData,
)
from activation_contracts.values import (
    AftermathKind,
    AftermathState,
    ChangedBy,
    DeviceKind,
    FailureCode,
    NumberStatus,
    Operation,
)

from worker.core.messages.explanations import at_deadline, explain
from worker.core.messages.pbx_messages import NumberFields, PbxMessages
from worker.core.operations.operation import Failure, PbxStep
from worker.core.situation import HandsetLogin, Number, Usage

__all__ = ["MessageFactory", "superseded"]

_NOUNS: Final = {Operation.ACTIVATE: "activation", Operation.DEACTIVATE: "deactivation"}


class _OperationFields(NumberFields):
    status: NumberStatus
    operation: Operation
    requested_by: str | None


class _StatusFields(NumberFields):
    status: NumberStatus
    previous_status: NumberStatus
    operation: ChangedBy
    requested_by: str | None
    entitlement: Entitlement


class MessageFactory(PbxMessages):
    """Builds the messages about one operation on one number."""

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
                at_deadline=at_deadline(self._operation.operation),
            ),
        )

    def active(self, before: Number, after: Number, usage: Usage) -> StatusChanged:
        """The number is ACTIVE, and which steps are outstanding."""
        return self._status_changed(
            after,
            StatusChangedData(
                **self._status_fields(before, after, usage), outstanding=_outstanding(after)
            ),
        )

    def reserved(
        self, before: Number, after: Number, usage: Usage, failure: Failure
    ) -> StatusChanged:
        """The number is RESERVED again: its activation failed."""
        return self._status_changed(
            after,
            StatusChangedData(
                **self._status_fields(before, after, usage),
                outstanding=_outstanding(after),
                failure=failure.code,
            ),
        )

    def reserved_blank(
        self, before: Number, after: Number, usage: Usage, failure: Failure | None
    ) -> StatusChanged:
        """The number is RESERVED after its deactivation, and which settings were cleared.

        `failure` is set if an operator gave the deactivation up.
        """
        return self._status_changed(
            after,
            StatusChangedData(
                **self._status_fields(before, after, usage),
                failure=failure.code if failure else None,
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
                at_deadline=at_deadline(operation.operation),
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

    def aftermath(
        self,
        number: Number,
        what: AftermathKind,
        state: AftermathState,
        *,
        detail: str,
        failure: Failure | None = None,
    ) -> OperationAftermath:
        """The news of what the ended operation left to do."""
        operation = self._operation
        code: FailureCode | None = failure.code if failure else None
        subject = ("aftermath", what, state, code or "", str(operation.retry_round))
        is_last_word = state not in {AftermathState.OUTSTANDING, AftermathState.NEEDS_A_PERSON}
        open_steps = () if is_last_word else operation.open_steps
        return OperationAftermath(
            **self._attributes(number, *subject),
            data=OperationAftermathData(
                **self._operation_fields(number),
                since=operation.since,
                what=what,
                state=state,
                awaiting=tuple(step.as_contract() for step in open_steps),
                code=code,
                pbx_code=failure.pbx_code if failure else None,
                detail=detail,
            ),
        )

    def manual_logouts(self, before: Number, after: Number) -> tuple[ManualLogoutRequired, ...]:
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
                    sequence=after.sequence,
                ),
            )
            for login in _manual_logins(before)
        )

    def _status_changed(self, number: Number, data: StatusChangedData) -> StatusChanged:
        return StatusChanged(**self._attributes(number, "status", data.status), data=data)

    def _status_fields(self, before: Number, after: Number, usage: Usage) -> _StatusFields:
        return {
            **self._number_fields(after),
            "status": after.status,
            "previous_status": before.status,
            "operation": ChangedBy(self._operation.operation),
            "requested_by": self._operation.requested_by,
            "entitlement": usage.as_contract(),
        }

    def _operation_fields(self, number: Number) -> _OperationFields:
        return {
            **self._number_fields(number),
            "status": number.status,
            "operation": self._operation.operation,
            "requested_by": self._operation.requested_by,
        }


def _manual_logins(number: Number) -> tuple[HandsetLogin, ...]:
    return tuple(login for login in number.logins if login.device_kind is not DeviceKind.DIGITAL)


def _outstanding(number: Number) -> tuple[AwaitedStep, ...] | None:
    steps = number.ongoing.open_steps if number.ongoing else ()
    return tuple(step.as_contract() for step in steps) or None


def superseded(number: Number, detail: str, now: datetime) -> tuple[OperationAftermath, ...]:
    """The last word on the aftermath that the number still has, if any."""
    ongoing, holder = number.ongoing, number.holder
    if ongoing is None or ongoing.aftermath is None or holder is None:
        return ()
    messages = MessageFactory(ongoing, holder, now)
    what, state = ongoing.aftermath, AftermathState.SUPERSEDED
    return (messages.aftermath(number, what, state, detail=detail),)
