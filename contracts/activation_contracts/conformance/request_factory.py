"""Builds the messages of one case, from the classes of the contracts."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Self, TypedDict
from uuid import UUID, uuid5

from activation_contracts.messages import (
    AwaitedStep,
    Entitlement,
    ExtensionReset,
    ExtensionResetData,
    HandsetLogout,
    HandsetLogoutData,
    HuntGroupMembership,
    HuntGroupMembershipData,
    ManualLogoutRequired,
    ManualLogoutRequiredData,
    StatusChanged,
    StatusChangedData,
)
from activation_contracts.values import (
    EXTENSION_FEATURES,
    AtDeadline,
    ChangedBy,
    DeviceKind,
    FailureCode,
    NumberStatus,
    Step,
)

__all__ = ["RequestFactory", "Subject"]

TIME_ALLOWED = timedelta(days=1)
"""Longer than a run with a slow PBX: a deadline that passed would be a failure of the kit."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The number that a case is about, and what the PBX under test knows of it."""

    phone_number: str
    extension: str | None
    account_id: str
    site_id: str
    hunt_groups: tuple[str, str]
    devices: tuple[str, str]


class _Attributes(TypedDict):
    id: str
    subject: str
    time: datetime
    correlationid: str
    causationid: str
    partitionkey: str


class _NumberFields(TypedDict):
    phone_number: str
    extension: str | None
    account_id: str
    site_id: str
    command_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class RequestFactory:
    """Builds messages. The same call gives the same message, under the same id: a repeat.

    `position` is the sequence within the case, from 1 on. Each position is a command of its own.
    """

    run: UUID
    """Makes the ids of this run unique."""
    case: str
    subject: Subject
    first_sequence: int
    now: datetime

    def about(self, *, phone_number: str | None = None, without_extension: bool = False) -> Self:
        """A factory for another number, or for the same one without an extension."""
        subject = replace(self.subject, phone_number=phone_number or self.subject.phone_number)
        if without_extension:
            subject = replace(subject, extension=None)
        return replace(self, subject=subject)

    def add(self, position: int, hunt_group_id: str | None = None) -> HuntGroupMembership:
        """The number joins the hunt group: by default the first one of the subject."""
        return self._membership(position, hunt_group_id, "add")

    def remove(self, position: int, hunt_group_id: str | None = None) -> HuntGroupMembership:
        """The number leaves the hunt group."""
        return self._membership(position, hunt_group_id, "remove")

    def logout(self, position: int, device_id: str | None = None) -> HandsetLogout:
        """The number is logged out of the handset: by default the first one of the subject."""
        device = self.subject.devices[0] if device_id is None else device_id
        return HandsetLogout(
            **self._attributes(HandsetLogout, position, device),
            data=HandsetLogoutData(
                **self._fields(position), device_id=device, device_kind=DeviceKind.DIGITAL
            ),
        )

    def reset(self, position: int, clear: Iterable[str] = EXTENSION_FEATURES) -> ExtensionReset:
        """The features are cleared and the PIN is the default."""
        return ExtensionReset(
            **self._attributes(ExtensionReset, position),
            data=ExtensionResetData(**self._fields(position), clear=tuple(clear)),
        )

    def pending(
        self,
        position: int,
        operation: ChangedBy = ChangedBy.ACTIVATE,
        *,
        time_allowed: timedelta = TIME_ALLOWED,
    ) -> StatusChanged:
        """The number is PENDING: if `operation` activates it, the request to provision it."""
        activates = operation is ChangedBy.ACTIVATE
        before = NumberStatus.RESERVED if activates else NumberStatus.ACTIVE
        attributes = self._attributes(StatusChanged, position, NumberStatus.PENDING)
        awaited = AwaitedStep(
            step=Step.ACTIVATION if activates else Step.EXTENSION_RESET,
            operation_id=attributes["id"] if activates else self.reset(position).id,
            waits_for="result",
            since=None,
            attempt=1,
            attempts_maximum=None,
        )
        at_deadline = AtDeadline.BACK_TO_RESERVED if activates else AtDeadline.NEEDS_A_PERSON
        return StatusChanged(
            **attributes,
            data=StatusChangedData(
                **self._fields(position),
                status=NumberStatus.PENDING,
                previous_status=before,
                operation=operation,
                requested_by=None,
                entitlement=Entitlement(limit=2, active=1, pending=1),
                since=self.now,
                deadline=self.now + time_allowed,
                awaiting=(awaited,),
                at_deadline=at_deadline,
            ),
        )

    def reserved(self, position: int) -> StatusChanged:
        """The number is RESERVED again: its activation failed at the deadline."""
        return StatusChanged(
            **self._attributes(StatusChanged, position, NumberStatus.RESERVED),
            data=StatusChangedData(
                **self._fields(position),
                status=NumberStatus.RESERVED,
                previous_status=NumberStatus.PENDING,
                operation=ChangedBy.ACTIVATE,
                requested_by=None,
                entitlement=Entitlement(limit=2, active=1, pending=0),
                failure=FailureCode.DEADLINE_PASSED,
            ),
        )

    def manual_logout(self, position: int, device_kind: DeviceKind) -> ManualLogoutRequired:
        """People must log the number out of this device."""
        device = f"{device_kind}-1"
        return ManualLogoutRequired(
            **self._attributes(ManualLogoutRequired, position, device),
            data=ManualLogoutRequiredData(
                **self._fields(position), device_id=device, device_kind=device_kind
            ),
        )

    def _membership(
        self, position: int, hunt_group_id: str | None, action: Literal["add", "remove"]
    ) -> HuntGroupMembership:
        group = self.subject.hunt_groups[0] if hunt_group_id is None else hunt_group_id
        return HuntGroupMembership(
            **self._attributes(HuntGroupMembership, position, group, action),
            data=HuntGroupMembershipData(
                **self._fields(position), hunt_group_id=group, action=action
            ),
        )

    def _attributes(self, message: type, position: int, *subject: str) -> _Attributes:
        command_id = self._id("command", position)
        return {
            "id": self._id(message.__name__, position, self.subject.phone_number, *subject),
            "subject": self.subject.phone_number,
            "time": self.now + timedelta(seconds=position),
            "correlationid": command_id,
            "causationid": command_id,
            "partitionkey": f"{self.subject.account_id}/{self.subject.site_id}",
        }

    def _fields(self, position: int) -> _NumberFields:
        return {
            "phone_number": self.subject.phone_number,
            "extension": self.subject.extension,
            "account_id": self.subject.account_id,
            "site_id": self.subject.site_id,
            "command_id": self._id("command", position),
            "sequence": self.first_sequence + position - 1,
        }

    def _id(self, *words: str | int) -> str:
        return str(uuid5(self.run, json.dumps([self.case, *words])))
