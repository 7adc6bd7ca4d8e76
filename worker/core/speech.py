"""What the worker says: the messages that follow from a change, with derived ids."""

from datetime import datetime
from typing import TypedDict

from contracts.messages import (
    AwaitedStep,
    Command,
    CommandRejected,
    CommandRejectedData,
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
    StatusChanged,
    StatusChangedData,
)
from contracts.values import EXTENSION_FEATURES, DeviceKind, NumberStatus, Operation, Step
from worker.core.identity import derived_id, fingerprint
from worker.core.refusing import Question, Refused
from worker.core.situation import AccountAtSite, HandsetLogin, Number, PendingOperation, Usage

__all__ = ["PbxMessage", "Speaker", "awaited", "operation_of", "rejection"]

PbxMessage = HandsetLogout | HuntGroupMembership | ExtensionReset


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


def operation_of(command: Command) -> Operation:
    """What the command asks for."""
    return Operation(command.type.split(".")[2])


def rejection(question: Question, refused: Refused) -> CommandRejected:
    """The answer to a refused command. A reused id gets an id of its own for each content."""
    command, situation = question.command, question.situation
    data = command.data
    number = situation.number if refused.names_status else None
    return CommandRejected(
        id=derived_id(command.source, command.id, "rejected", fingerprint(command)),
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


class Speaker:
    """Speaks of one operation on one number, at one moment."""

    def __init__(self, operation: PendingOperation, holder: AccountAtSite, now: datetime) -> None:
        self._operation = operation
        self._holder = holder
        self._now = now

    def pending(
        self, before: Number, after: Number, usage: Usage, awaiting: tuple[AwaitedStep, ...]
    ) -> StatusChanged:
        """The number is PENDING, and what it waits for."""
        return self._status_changed(
            after,
            StatusChangedData(
                **self._status_fields(before, after, usage),
                since=self._operation.since,
                deadline=self._operation.deadline,
                awaiting=awaiting,
            ),
        )

    def active(self, before: Number, after: Number, usage: Usage) -> StatusChanged:
        """The number is ACTIVE."""
        return self._status_changed(
            after, StatusChangedData(**self._status_fields(before, after, usage))
        )

    def reserved(self, before: Number, after: Number, usage: Usage) -> StatusChanged:
        """The number is RESERVED again, and what was cleared."""
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

    def join_hunt_group(self, number: Number, hunt_group_id: str) -> HuntGroupMembership:
        """The number rings with the group from now on."""
        return HuntGroupMembership(
            **self._attributes(number, "hunt group", hunt_group_id, "add"),
            data=HuntGroupMembershipData(
                **self._pbx_fields(number), hunt_group_id=hunt_group_id, action="add"
            ),
        )

    def take_down(self, before: Number, after: Number) -> tuple[PbxMessage, ...]:
        """What the PBX must do, in this order: leave groups, log out of handsets, reset."""
        return (
            *(self._leave_hunt_group(after, group) for group in before.hunt_groups),
            *(
                self._log_out(after, login)
                for login in before.logins
                if login.device_kind is DeviceKind.DIGITAL
            ),
            ExtensionReset(
                **self._attributes(after, "extension reset"),
                data=ExtensionResetData(
                    **self._pbx_fields(after),
                    # All of them and not only those we know to be set: what we were never told
                    # of must not ring on in the next user's name.
                    clear=tuple(sorted({*EXTENSION_FEATURES, *before.settings})),
                ),
            ),
        )

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


def awaited(messages: tuple[PbxMessage, ...]) -> tuple[AwaitedStep, ...]:
    """The steps that these messages ask for."""
    return tuple(AwaitedStep(step=_STEPS[type(item)], operation_id=item.id) for item in messages)


_STEPS: dict[type[PbxMessage], Step] = {
    HuntGroupMembership: Step.HUNT_GROUP_MEMBERSHIP,
    HandsetLogout: Step.HANDSET_LOGOUT,
    ExtensionReset: Step.EXTENSION_RESET,
}


def _logged_out_by_hand(number: Number) -> tuple[HandsetLogin, ...]:
    return tuple(login for login in number.logins if login.device_kind is not DeviceKind.DIGITAL)
