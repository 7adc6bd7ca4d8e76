"""Applies changes of records to what is held, in order, and decides what follows."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from activation_contracts.records import PhoneNumberRecord, RecordKind
from activation_contracts.values import NumberStatus

from worker.core.directory.change import Change, Verdict, WaitsFor
from worker.core.directory.details import (
    apply_call_settings,
    apply_handset_login,
    apply_hunt_group_member,
)
from worker.core.directory.held import Directory, HeldNumber, Waiting
from worker.core.directory.messages import DirectoryMessages
from worker.core.directory.moves import Conflict, is_older_view
from worker.core.directory.numbers import apply_phone_number
from worker.core.directory.services import apply_voice_service
from worker.core.directory.work import Applied, Work
from worker.core.entitlement import change_of

__all__ = ["apply_all"]

_APPLY: Final[Mapping[RecordKind, Callable[[Work, Change], bool]]] = {
    RecordKind.VOICE_SERVICE: apply_voice_service,
    RecordKind.PHONE_NUMBER: apply_phone_number,
    RecordKind.CALL_SETTINGS: apply_call_settings,
    RecordKind.HUNT_GROUP_MEMBER: apply_hunt_group_member,
    RecordKind.HANDSET_LOGIN: apply_handset_login,
}

_WAITING_TEXTS: Final[Mapping[WaitsFor, str]] = {
    WaitsFor.END_OF_OPERATION: "it is applied when the operation of the number ends",
    WaitsFor.NUMBER: "it is applied when the number is provisioned",
    WaitsFor.MAIN_NUMBER: "it is applied when the number is a main number",
}


def apply_all(
    directory: Directory,
    changes: Iterable[Change],
    now: datetime,
    *,
    compares_entitlements: bool = True,
) -> Applied:
    """Applies what waits and can be applied by now, and then these changes in their order.

    The order of the changes of one number is kept: a later one waits behind an earlier one that
    waits for the end of an operation. `directory` is not changed. Without `compares_entitlements`,
    the caller compares those of the `affected` accounts.
    """
    applying = _Applying(Work(directory, now))
    for phone_number in sorted(directory.waiting):
        applying.retry(phone_number)
    for change in changes:
        applying.apply(change)
    if compares_entitlements:
        applying.compare_entitlements()
    return applying.work.applied


class _Applying:
    def __init__(self, work: Work) -> None:
        self.work: Final = work
        self._directory: Final = work.directory

    def apply(self, change: Change) -> None:
        """Applies a change that came, or lets it wait."""
        if self._is_outdated(change):
            self.work.note(change, Verdict.OUTDATED)
            return
        self._apply_or_wait(change, None)

    def compare_entitlements(self) -> None:
        """Publishes which of the affected accounts are short from now on, or no longer."""
        for holder, cause in self.work.applied.affected.items():
            usage = self.work.usage_of(holder)
            change = change_of(holder, usage, cause, self.work.now)
            if change is not None:
                self.work.applied.messages.append(change)
                self.work.applied.shortages.append(change)
                self._directory.usages[holder] = usage._replace(exceeded=usage.is_short)

    def retry(self, phone_number: str) -> None:
        """Applies those of the number's waiting changes that need not wait any more."""
        waiting = self._directory.waiting.pop(phone_number, [])
        for item in waiting:
            applied_version = self._directory.versions.get(item.change.id, -1)
            if item.change.version is not None and item.change.version <= applied_version:
                self.work.note(item.change, Verdict.OUTDATED)
            else:
                self._apply_or_wait(item.change, item)

    def _apply_or_wait(self, change: Change, waited: Waiting | None) -> None:
        waits_for = self._waits_for(change)
        if waits_for is not None:
            self._let_wait(change, waits_for, waited)
            return
        try:
            is_changed = _APPLY[change.record.KIND](self.work, change)
        except Conflict as conflict:
            held = self._directory.numbers.get(change.phone_number or "")
            number = held.number if held is not None else None
            messages = DirectoryMessages(change.cause, self.work.now)
            self.work.applied.messages.append(messages.conflict(number, change, conflict))
            self.work.note(change, Verdict.CONFLICT, conflict.detail)
            return
        if change.version is not None:
            self._directory.versions[change.id] = change.version
        self.work.note(change, Verdict.APPLIED if is_changed else Verdict.UNCHANGED)
        if change.record.KIND is RecordKind.PHONE_NUMBER and change.phone_number is not None:
            self.retry(change.phone_number)

    def _let_wait(self, change: Change, waits_for: WaitsFor, waited: Waiting | None) -> None:
        phone_number = change.phone_number or ""
        waiting = self._directory.waiting.setdefault(phone_number, [])
        if waited is not None and waited.waits_for is waits_for:
            waiting.append(waited)
            return
        held = self._directory.numbers.get(phone_number)
        stated = _without_older_view(change, held)
        # An import that is repeated says the same again and again while an operation is stuck.
        of_record = [item.change for item in waiting if item.change.id == change.id]
        if waited is None and change.version is None and of_record:
            last = of_record[-1]
            if (last.record, last.deleted) == (stated.record, stated.deleted):
                self.work.note(change, Verdict.UNCHANGED)
                return
        waiting.append(Waiting(stated, waits_for))
        self.work.note(change, Verdict.WAITS, _WAITING_TEXTS[waits_for], waits_for)

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


def _without_older_view(change: Change, held: HeldNumber | None) -> Change:
    """The change without a status that is an older view of the number: our status stays."""
    record = change.record
    if held is None or not isinstance(record, PhoneNumberRecord):
        return change
    if not is_older_view(held.number, record):
        return change
    return change._replace(record=record.model_copy(update={"status": None}))
