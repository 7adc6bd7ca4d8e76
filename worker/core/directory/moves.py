"""The changes of a number's status that belong to the platform, as a table."""

from collections.abc import Mapping
from typing import Final

from activation_contracts.messages.directory import ConflictCode
from activation_contracts.records import PhoneNumberRecord
from activation_contracts.values import NumberStatus

from worker.core.situation import Number

__all__ = ["MOVES", "Conflict", "first_status", "is_older_view", "next_status"]

_AVAILABLE, _RESERVED = NumberStatus.AVAILABLE, NumberStatus.RESERVED
_ACTIVE, _COOLDOWN = NumberStatus.ACTIVE, NumberStatus.COOLDOWN

MOVES: Final[Mapping[tuple[NumberStatus, NumberStatus], str]] = {
    (_AVAILABLE, _RESERVED): "allocate",
    (_RESERVED, _AVAILABLE): "deallocate",
    (_AVAILABLE, _COOLDOWN): "rest",
    (_RESERVED, _COOLDOWN): "deallocate and rest",
    (_COOLDOWN, _AVAILABLE): "end cool-down",
}
"""From and to, with a name for people. Activation and deactivation belong to the worker [S]; the
rest is [D]."""

_OLDER_VIEWS: Final = frozenset({None, _RESERVED, _ACTIVE})
"""What the platform may still say of a number that the worker has made ACTIVE."""


class Conflict(Exception):
    """The change contradicts what is held: nothing of it may be applied."""

    def __init__(self, code: ConflictCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def first_status(record: PhoneNumberRecord) -> NumberStatus:
    """The status of a number that is provisioned for the first time."""
    return record.status or (_AVAILABLE if record.account_id is None else _RESERVED)


def next_status(number: Number, record: PhoneNumberRecord) -> NumberStatus:
    """The status of a number, not PENDING, after the platform stated this record.

    Raises `Conflict`.
    """
    if number.status is _ACTIVE:
        _require_in_place(number, record)
        return _ACTIVE
    after = record.status or _implied(number.status, record)
    if after is number.status or (number.status, after) in MOVES:
        return after
    raise Conflict(
        ConflictCode.STATUS_NOT_ALLOWED,
        f"{number.phone_number} is {number.status}: only the worker makes it {after}, by a command."
        if after is _ACTIVE
        else f"{number.phone_number} is {number.status}: make it AVAILABLE before {after}.",
    )


def is_older_view(number: Number, record: PhoneNumberRecord) -> bool:
    """Whether the platform states a status that the worker has changed since: the worker's stays.

    The other fields of the record are applied.
    """
    same_holder = (record.account_id, record.site_id) == (number.account_id, number.site_id)
    is_ours = number.status in {NumberStatus.PENDING, _ACTIVE}
    return same_holder and is_ours and record.status in {_RESERVED, _ACTIVE}


def _require_in_place(number: Number, record: PhoneNumberRecord) -> None:
    same_holder = (record.account_id, record.site_id) == (number.account_id, number.site_id)
    if same_holder and record.status in _OLDER_VIEWS:
        return
    raise Conflict(
        ConflictCode.NUMBER_IN_USE,
        f"{number.phone_number} is ACTIVE and cannot be taken away: deactivate it first.",
    )


def _implied(status: NumberStatus, record: PhoneNumberRecord) -> NumberStatus:
    if status is _AVAILABLE and record.account_id is not None:
        return _RESERVED
    if status is _RESERVED and record.account_id is None:
        return _AVAILABLE
    return status
