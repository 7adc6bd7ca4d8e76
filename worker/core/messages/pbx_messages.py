"""Builds the requests to a PBX about an operation, with derived ids."""

from datetime import datetime
from typing import TypedDict

from activation_contracts.messages import (
    ExtensionReset,
    ExtensionResetData,
    HandsetLogout,
    HandsetLogoutData,
    HuntGroupMembership,
    HuntGroupMembershipData,
)
from activation_contracts.values import EXTENSION_FEATURES, DeviceKind

from worker.core.messages.identity import derived_id
from worker.core.operations.operation import OngoingOperation
from worker.core.operations.steps import PbxMessage
from worker.core.situation import HandsetLogin, Holder, Number

__all__ = ["Attributes", "NumberFields", "PbxMessages"]


class Attributes(TypedDict):
    """The envelope of a message."""

    id: str
    subject: str
    time: datetime
    correlationid: str
    causationid: str
    traceparent: str | None
    tracestate: str | None
    partitionkey: str


class NumberFields(TypedDict):
    """The payload that all messages about an operation share."""

    phone_number: str
    extension: str | None
    account_id: str
    site_id: str
    command_id: str
    sequence: int


class PbxMessages:
    """Builds the requests to a PBX about one operation on one number.

    `holder` is the account and site that hold the number; `now` becomes the `time` of each message.
    """

    def __init__(self, operation: OngoingOperation, holder: Holder, now: datetime) -> None:
        self._operation = operation
        self._holder = holder
        self._now = now

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
        return self._reset(before, after, "compensation")

    def _reset(self, before: Number, after: Number, subject: str) -> ExtensionReset:
        return ExtensionReset(
            **self._attributes(after, subject),
            data=ExtensionResetData(
                **self._number_fields(after),
                # All features, not only those known to be set: the worker may not know every
                # feature, and it must not stay for the next user of the number.
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

    def _number_fields(self, number: Number) -> NumberFields:
        return {
            "phone_number": number.phone_number,
            "extension": number.extension,
            "account_id": self._holder.account_id,
            "site_id": self._holder.site_id,
            "command_id": self._operation.command_id,
            "sequence": number.sequence,
        }

    def _attributes(self, number: Number, *subject: str) -> Attributes:
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
