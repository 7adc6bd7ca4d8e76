"""Changes of phone numbers: provisioned, allocated, edited, taken away."""

from typing import Final, cast

from activation_contracts.messages.directory import ConflictCode
from activation_contracts.records import PhoneNumberRecord
from activation_contracts.values import NumberStatus

from worker.core.cause import Cause
from worker.core.directory.change import Change, WaitsFor
from worker.core.directory.held import HeldNumber
from worker.core.directory.messages import DirectoryMessages
from worker.core.directory.moves import Conflict, first_status, next_status
from worker.core.directory.work import Work
from worker.core.messages.message_factory import superseded
from worker.core.situation import Number

__all__ = ["apply_phone_number"]

_BLANK: Final[frozenset[NumberStatus]] = frozenset({NumberStatus.AVAILABLE, NumberStatus.COOLDOWN})
"""The statuses of a number that has left its account."""


def apply_phone_number(work: Work, change: Change) -> bool:
    """Applies the state or the deletion of a number; returns whether it changes anything.

    Raises `Conflict`.
    """
    if change.deleted:
        return _delete_number(work, change)
    record = cast("PhoneNumberRecord", change.record)
    before = work.directory.numbers.get(record.phone_number)
    after = _next_number(work, before, record)
    _require_one_main_number(work, after.number)
    if after == before:
        return False
    if before is not None and _leaves(before.number, record, after.number.status):
        work.drop_waiting(record.phone_number, WaitsFor.MAIN_NUMBER)
    _put_number(work, before, after, change)
    return True


def _next_number(work: Work, before: HeldNumber | None, record: PhoneNumberRecord) -> HeldNumber:
    if before is None:
        sequence = work.directory.last_sequences.get(record.phone_number, 0)
        number = Number(
            record.phone_number, record.site_id, record.account_id, None, first_status(record)
        )
        if record.phone_number in work.directory.last_sequences:
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


def _require_one_main_number(work: Work, number: Number) -> None:
    holder = number.holder
    if not number.main_number or holder is None:
        return
    other = work.directory.main_numbers.get(holder)
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


def _delete_number(work: Work, change: Change) -> bool:
    phone_number = change.record.key[0]
    held = work.directory.numbers.get(phone_number)
    if held is None:
        work.drop_waiting(phone_number, *WaitsFor)
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
    _put_number(work, held, HeldNumber(gone), change)
    del work.directory.numbers[phone_number]
    work.drop_waiting(phone_number, *WaitsFor)
    work.directory.last_sequences[phone_number] = gone.sequence
    return True


def _put_number(work: Work, before: HeldNumber | None, after: HeldNumber, change: Change) -> None:
    number = after.number
    old = before.number if before is not None else None
    work.directory.numbers[number.phone_number] = after
    work.directory.last_sequences.pop(number.phone_number, None)
    _count_use(work, old, number, change.cause)
    _move_main_number(work, old, number)
    if old is None and number.sequence > 0:
        old = number._replace(status=NumberStatus.AVAILABLE)
    if old is None:
        return
    if old.ongoing is not None and number.ongoing is None:
        detail = f"The platform has taken the number from {old.account_id}."
        work.applied.messages += superseded(old, detail, work.now)
    if old.status is not number.status:
        holder = number.holder
        usage = work.usage_of(holder) if holder else None
        messages = DirectoryMessages(change.cause, work.now)
        work.applied.messages.append(messages.status_changed(old, number, usage))


def _count_use(work: Work, before: Number | None, after: Number, cause: Cause) -> None:
    """Counts a number that is provisioned in use: no other change of the platform counts."""
    holder = after.holder
    if before is None and holder is not None and after.status is NumberStatus.ACTIVE:
        usage = work.usage_of(holder)
        work.affect(holder, usage._replace(active=usage.active + 1), cause)


def _move_main_number(work: Work, before: Number | None, after: Number) -> None:
    for number in filter(None, (before, after)):
        holder = number.holder
        if holder and work.directory.main_numbers.get(holder) == after.phone_number:
            del work.directory.main_numbers[holder]
    holder = after.holder
    if after.main_number and holder is not None:
        work.directory.main_numbers[holder] = after.phone_number


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
