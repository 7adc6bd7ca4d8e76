"""Applies changes of records to what is held, in order, and decides what follows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, cast

from contracts.messages import PublishedMessage
from contracts.messages.directory import ConflictCode
from contracts.records import (
    CallSettingsRecord,
    HandsetLoginRecord,
    HuntGroupMemberKey,
    PhoneNumberRecord,
    RecordKind,
    VoiceServiceRecord,
)
from contracts.values import NumberStatus
from worker.core.cause import Cause
from worker.core.directory.change import Change, Verdict, WaitsFor
from worker.core.directory.held import Directory, HeldNumber, Waiting, holder_of, in_force
from worker.core.directory.messages import DirectoryMessages, superseded
from worker.core.directory.moves import Conflict, first_status, next_status
from worker.core.entitlement import EntitlementChanged, change_of
from worker.core.messages.message_factory import MessageFactory
from worker.core.situation import AccountAtSite, HandsetLogin, Number, Usage

__all__ = ["Applied", "Outcome", "apply_all"]

_NOTHING: Final = Usage(0)
_BLANK: Final[frozenset[NumberStatus]] = frozenset({NumberStatus.AVAILABLE, NumberStatus.COOLDOWN})
"""The statuses of a number that has left its account."""


class Outcome(NamedTuple):
    """A change, and its effect."""

    change: Change
    verdict: Verdict
    detail: str = ""
    """For people: why it waits, or what it contradicts."""


@dataclass(slots=True)
class Applied:
    """What a batch of changes leads to."""

    directory: Directory
    """What is held afterwards."""
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the changes that came, and of those that had waited, in the order of application."""
    messages: list[PublishedMessage] = field(default_factory=list)
    """To publish, in this order."""
    logged_out: list[tuple[str, str]] = field(default_factory=list)
    """The number and device of each login that the platform says is gone."""
    affected: dict[AccountAtSite, Cause] = field(default_factory=dict)
    """The accounts whose services or numbers in use have changed, and by what last."""
    shortages: list[EntitlementChanged] = field(default_factory=list)
    """The shortages of these accounts that began or ended; they are among the messages."""


def apply_all(directory: Directory, changes: Iterable[Change], now: datetime) -> Applied:
    """Applies what waits and can be applied by now, and then these changes in their order.

    The order of the changes of one number is kept: a later one waits behind an earlier one that
    waits for the end of an operation. `directory` is not changed.
    """
    applying = _Applying(Applied(directory.copy()), now)
    for phone_number in sorted(directory.waiting):
        applying.retry(phone_number)
    for change in changes:
        applying.apply(change)
    applying.compare_entitlements()
    return applying.applied


class _Applying:
    def __init__(self, applied: Applied, now: datetime) -> None:
        self.applied: Final = applied
        self._directory: Final = applied.directory
        self._now: Final = now

    def apply(self, change: Change) -> None:
        """Applies a change that came, or lets it wait."""
        if self._is_outdated(change):
            self._note(change, Verdict.OUTDATED)
            return
        self._apply_or_wait(change, None)

    def compare_entitlements(self) -> None:
        """Publishes which of the affected accounts are short from now on, or no longer."""
        for holder, cause in self.applied.affected.items():
            usage = self._directory.usages.get(holder, _NOTHING)
            change = change_of(holder, usage, cause, self._now)
            if change is not None:
                self.applied.messages.append(change)
                self.applied.shortages.append(change)
                self._directory.usages[holder] = usage._replace(exceeded=usage.is_short)

    def retry(self, phone_number: str) -> None:
        """Applies those of the number's waiting changes that need not wait any more."""
        waiting = self._directory.waiting.pop(phone_number, [])
        for item in waiting:
            applied_version = self._directory.versions.get(item.change.id, -1)
            if item.change.version is not None and item.change.version <= applied_version:
                self._note(item.change, Verdict.OUTDATED)
            else:
                self._apply_or_wait(item.change, item)

    def _apply_or_wait(self, change: Change, waited: Waiting | None) -> None:
        waits_for = self._waits_for(change)
        if waits_for is not None:
            held = self._directory.numbers.get(change.phone_number or "")
            waiting = waited or Waiting(_without_older_view(change, held), waits_for)
            self._directory.waiting.setdefault(change.phone_number or "", []).append(waiting)
            if waited is None:
                self._note(change, Verdict.WAITS, _WAITING_TEXTS[waits_for])
            return
        try:
            is_changed = _APPLY[change.record.KIND](self, change)
        except Conflict as conflict:
            number = self._directory.numbers[change.phone_number or ""].number
            messages = DirectoryMessages(change.cause, self._now)
            self.applied.messages.append(messages.conflict(number, change, conflict))
            self._note(change, Verdict.CONFLICT, conflict.detail)
            return
        if change.version is not None:
            self._directory.versions[change.id] = change.version
        self._note(change, Verdict.APPLIED if is_changed else Verdict.UNCHANGED)
        if change.record.KIND is RecordKind.PHONE_NUMBER and change.phone_number is not None:
            self.retry(change.phone_number)

    def _is_outdated(self, change: Change) -> bool:
        if change.version is None:
            return False
        waiting = self._directory.waiting.get(change.phone_number or "", ())
        versions = [item.change.version for item in waiting if item.change.id == change.id]
        known = (self._directory.versions.get(change.id), *versions)
        return any(version is not None and change.version <= version for version in known)

    def _waits_for(self, change: Change) -> WaitsFor | None:
        if change.phone_number is None:
            return None
        held = self._directory.numbers.get(change.phone_number)
        if held is None:
            is_own = change.record.KIND is RecordKind.PHONE_NUMBER
            return None if is_own or change.deleted else WaitsFor.NUMBER
        if held.number.status is NumberStatus.PENDING:
            return WaitsFor.END_OF_OPERATION
        if change.record.KIND is RecordKind.CALL_SETTINGS and not change.deleted:
            return None if held.number.main_number else WaitsFor.MAIN_NUMBER
        return None

    def _note(self, change: Change, verdict: Verdict, detail: str = "") -> None:
        self.applied.outcomes.append(Outcome(change, verdict, detail))

    # Voice services ------------------------------------------------------------------------------

    def apply_voice_service(self, change: Change) -> bool:
        service_id = change.record.key[0]
        before = self._directory.services.get(service_id)
        after = None if change.deleted else cast("VoiceServiceRecord", change.record)
        if before == after:
            return False
        self._count_services(before, -1, change.cause)
        self._count_services(after, +1, change.cause)
        if after is None:
            del self._directory.services[service_id]
        else:
            self._directory.services[service_id] = after
        return True

    def _count_services(self, service: VoiceServiceRecord | None, sign: int, cause: Cause) -> None:
        if service is None:
            return
        holder = AccountAtSite(service.account_id, service.site_id)
        usage = self._directory.usages.get(holder, _NOTHING)
        quantity = sign * in_force(service, self._now.date())
        self._directory.usages[holder] = usage._replace(limit=usage.limit + quantity)
        self.applied.affected[holder] = cause

    # Numbers -------------------------------------------------------------------------------------

    def apply_phone_number(self, change: Change) -> bool:
        if change.deleted:
            return self._delete_number(change)
        record = cast("PhoneNumberRecord", change.record)
        before = self._directory.numbers.get(record.phone_number)
        after = self._next_number(before, record)
        self._require_one_main_number(after.number)
        if after == before:
            return False
        self._put_number(before, after, change)
        return True

    def _next_number(self, before: HeldNumber | None, record: PhoneNumberRecord) -> HeldNumber:
        if before is None:
            sequence = self._directory.last_sequences.get(record.phone_number, 0)
            number = Number(
                record.phone_number, record.site_id, record.account_id, None, first_status(record)
            )
            if record.phone_number in self._directory.last_sequences:
                was_changed = number.status is not NumberStatus.AVAILABLE
                sequence += was_changed
            return _stated(HeldNumber(number._replace(sequence=sequence)), record)
        number = before.number
        status = next_status(number, record)
        held = before
        if _leaves(number, record, status):
            number = number._replace(hunt_groups=(), logins=(), ongoing=None)
            held = HeldNumber(number, before.pin_is_default)
        changed = number._replace(
            site_id=record.site_id,
            account_id=record.account_id,
            status=status,
            sequence=number.sequence + (status is not number.status),
        )
        return _stated(held._replace(number=changed), record)

    def _require_one_main_number(self, number: Number) -> None:
        holder = holder_of(number)
        if not number.main_number or holder is None:
            return
        other = self._directory.main_numbers.get(holder)
        if other is not None and other != number.phone_number:
            raise Conflict(
                ConflictCode.SECOND_MAIN_NUMBER,
                f"{number.phone_number} would be a second main number of {holder.account_id} at"
                f" {holder.site_id} beside {other}: end that one first.",
            )
        if number.logins:
            raise Conflict(
                ConflictCode.MAIN_NUMBER_IS_LOGGED_IN,
                f"{number.phone_number} is logged in to {number.logins[0].device_id}, and a main"
                " number never is: end the login first.",
            )

    def _delete_number(self, change: Change) -> bool:
        phone_number = change.record.key[0]
        held = self._directory.numbers.get(phone_number)
        if held is None:
            return False
        if held.number.status is NumberStatus.ACTIVE:
            raise Conflict(
                ConflictCode.NUMBER_IN_USE,
                f"{phone_number} is ACTIVE and cannot be taken away: deactivate it first.",
            )
        number = held.number
        is_available = number.status is NumberStatus.AVAILABLE
        gone = number._replace(
            account_id=None,
            status=NumberStatus.AVAILABLE,
            sequence=number.sequence + (not is_available),
            main_number=False,
            ongoing=None,
        )
        self._put_number(held, HeldNumber(gone), change)
        del self._directory.numbers[phone_number]
        self._directory.waiting.pop(phone_number, None)
        self._directory.last_sequences[phone_number] = gone.sequence
        return True

    def _put_number(self, before: HeldNumber | None, after: HeldNumber, change: Change) -> None:
        number = after.number
        old = before.number if before is not None else None
        self._directory.numbers[number.phone_number] = after
        self._directory.last_sequences.pop(number.phone_number, None)
        self._count_use(old, number, change.cause)
        self._move_main_number(old, number)
        if old is None and number.sequence > 0:
            old = number._replace(status=NumberStatus.AVAILABLE)
        if old is None:
            return
        if old.ongoing is not None and number.ongoing is None:
            detail = f"The platform has taken the number from {old.account_id}."
            self.applied.messages += superseded(old, detail, self._now)
        if old.status is not number.status:
            holder = holder_of(number)
            usage = self._directory.usages.get(holder, _NOTHING) if holder else None
            messages = DirectoryMessages(change.cause, self._now)
            self.applied.messages.append(messages.status_changed(old, number, usage))

    def _count_use(self, before: Number | None, after: Number, cause: Cause) -> None:
        """Counts a number that is provisioned in use: no other change of the platform counts."""
        holder = holder_of(after)
        if before is None and holder is not None and after.status is NumberStatus.ACTIVE:
            usage = self._directory.usages.get(holder, _NOTHING)
            self._directory.usages[holder] = usage._replace(active=usage.active + 1)
            self.applied.affected[holder] = cause

    def _move_main_number(self, before: Number | None, after: Number) -> None:
        for number in filter(None, (before, after)):
            holder = holder_of(number)
            if holder and self._directory.main_numbers.get(holder) == after.phone_number:
                del self._directory.main_numbers[holder]
        holder = holder_of(after)
        if after.main_number and holder is not None:
            self._directory.main_numbers[holder] = after.phone_number

    # Records of a number -------------------------------------------------------------------------

    def apply_call_settings(self, change: Change) -> bool:
        held = self._directory.numbers.get(change.record.key[0])
        if held is None:
            return False
        settings = None if change.deleted else cast("CallSettingsRecord", change.record)
        if settings is not None and settings.hunt_group_id in held.number.hunt_groups:
            raise _own_group(held.number, settings.hunt_group_id)
        return self._put_records(held, held._replace(call_settings=settings))

    def apply_hunt_group_member(self, change: Change) -> bool:
        member = cast("HuntGroupMemberKey", change.record)
        held = self._directory.numbers.get(member.phone_number)
        if held is None:
            return False
        number, group = held.number, member.hunt_group_id
        if not change.deleted:
            if held.call_settings is not None and held.call_settings.hunt_group_id == group:
                raise _own_group(number, group)
            return self._put_records(held, held._replace(number=number.with_hunt_group(group)))
        groups = tuple(other for other in number.hunt_groups if other != group)
        after = number._replace(hunt_groups=groups)
        if _is_joining(number, group, self._now):
            after = after._replace(ongoing=None)
            detail = f"The number was taken out of the hunt group {group} by hand."
            self.applied.messages += superseded(number, detail, self._now)
        return self._put_records(held, held._replace(number=after))

    def apply_handset_login(self, change: Change) -> bool:
        phone_number, device_id = change.record.key
        if change.deleted:
            self.applied.logged_out.append((phone_number, device_id))
        held = self._directory.numbers.get(phone_number)
        if held is None:
            return False
        logins = [login for login in held.number.logins if login.device_id != device_id]
        if not change.deleted:
            if held.number.main_number:
                raise Conflict(
                    ConflictCode.MAIN_NUMBER_IS_LOGGED_IN,
                    f"{phone_number} is a main number, which is never logged in to a device.",
                )
            kind = cast("HandsetLoginRecord", change.record).device_kind
            logins.append(HandsetLogin(device_id, kind))
        number = held.number._replace(logins=tuple(sorted(logins)))
        return self._put_records(held, held._replace(number=number))

    def _put_records(self, before: HeldNumber, after: HeldNumber) -> bool:
        has_settings = after.call_settings is not None
        number = after.number._replace(has_call_settings=has_settings)
        self._directory.numbers[number.phone_number] = after._replace(number=number)
        return self._directory.numbers[number.phone_number] != before


_APPLY: Final[Mapping[RecordKind, Callable[[_Applying, Change], bool]]] = {
    RecordKind.VOICE_SERVICE: _Applying.apply_voice_service,
    RecordKind.PHONE_NUMBER: _Applying.apply_phone_number,
    RecordKind.CALL_SETTINGS: _Applying.apply_call_settings,
    RecordKind.HUNT_GROUP_MEMBER: _Applying.apply_hunt_group_member,
    RecordKind.HANDSET_LOGIN: _Applying.apply_handset_login,
}

_WAITING_TEXTS: Final[Mapping[WaitsFor, str]] = {
    WaitsFor.END_OF_OPERATION: "it is applied when the operation of the number ends",
    WaitsFor.NUMBER: "it is applied when the number is provisioned",
    WaitsFor.MAIN_NUMBER: "it is applied when the number is a main number",
}


def _stated(held: HeldNumber, record: PhoneNumberRecord) -> HeldNumber:
    """The number with the details that the record states."""
    settings = held.call_settings if record.main_number else None
    return HeldNumber(
        held.number._replace(
            extension=record.extension,
            main_number=record.main_number,
            assigned_to=record.assigned_to,
            label=record.label,
            features=record.features,
            has_call_settings=settings is not None,
        ),
        record.pin_is_default,
        settings,
    )


def _leaves(number: Number, record: PhoneNumberRecord, status: NumberStatus) -> bool:
    """Whether the number leaves its account, or its site."""
    if number.account_id is None:
        return False
    if (record.account_id, record.site_id) != (number.account_id, number.site_id):
        return True
    return status in _BLANK and number.status not in _BLANK


def _without_older_view(change: Change, held: HeldNumber | None) -> Change:
    """The change without a status that is an older view of the number: our status stays."""
    record = change.record
    if held is None or not isinstance(record, PhoneNumberRecord):
        return change
    number = held.number
    same_holder = (record.account_id, record.site_id) == (number.account_id, number.site_id)
    if not same_holder or record.status not in {NumberStatus.RESERVED, NumberStatus.ACTIVE}:
        return change
    return change._replace(record=record.model_copy(update={"status": None}))


def _is_joining(number: Number, hunt_group_id: str, now: datetime) -> bool:
    """Whether the number still has to join this hunt group."""
    ongoing, holder = number.ongoing, holder_of(number)
    if ongoing is None or holder is None or not ongoing.joins_hunt_group:
        return False
    join = MessageFactory(ongoing, holder, now).join_hunt_group(number, hunt_group_id)
    return join.id in {step.step_id for step in ongoing.steps}


def _own_group(number: Number, hunt_group_id: str | None) -> Conflict:
    return Conflict(
        ConflictCode.MEMBER_OF_ITS_OWN_GROUP,
        f"{number.phone_number} is a main number, which is never a member of its own hunt group"
        f" {hunt_group_id}.",
    )
