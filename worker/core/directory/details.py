"""Changes of the records of a number: call settings, memberships, logins."""

from datetime import datetime
from typing import TYPE_CHECKING, cast

from activation_contracts.messages.directory import ConflictCode

from worker.core.directory.change import Change
from worker.core.directory.held import HeldNumber
from worker.core.directory.moves import Conflict
from worker.core.directory.work import Work
from worker.core.messages.message_factory import MessageFactory, superseded
from worker.core.situation import HandsetLogin, Number

if TYPE_CHECKING:
    from activation_contracts.records import (
        CallSettingsRecord,
        HandsetLoginRecord,
        HuntGroupMemberKey,
    )

__all__ = ["apply_call_settings", "apply_handset_login", "apply_hunt_group_member"]


def apply_call_settings(work: Work, change: Change) -> bool:
    """Applies the state or the deletion of call settings; returns whether it changes anything.

    Raises `Conflict`.
    """
    held = work.directory.numbers.get(change.record.key[0])
    if held is None:
        return False
    settings = None if change.deleted else cast("CallSettingsRecord", change.record)
    if settings is not None and settings.hunt_group_id in held.number.hunt_groups:
        raise _own_group(held.number, settings.hunt_group_id)
    return _put_records(work, held, held._replace(call_settings=settings))


def apply_hunt_group_member(work: Work, change: Change) -> bool:
    """Applies the state or the deletion of a membership; returns whether it changes anything.

    Raises `Conflict`.
    """
    member = cast("HuntGroupMemberKey", change.record)
    held = work.directory.numbers.get(member.phone_number)
    if held is None:
        return False
    number, group = held.number, member.hunt_group_id
    if not change.deleted:
        if held.call_settings is not None and held.call_settings.hunt_group_id == group:
            raise _own_group(number, group)
        return _put_records(work, held, held._replace(number=number.with_hunt_group(group)))
    groups = tuple(other for other in number.hunt_groups if other != group)
    after = number._replace(hunt_groups=groups)
    if _is_joining(number, group, work.now):
        after = after._replace(ongoing=None)
        detail = f"The number was taken out of the hunt group {group} by hand."
        work.applied.messages += superseded(number, detail, work.now)
    return _put_records(work, held, held._replace(number=after))


def apply_handset_login(work: Work, change: Change) -> bool:
    """Applies the state or the deletion of a login; returns whether it changes anything.

    Raises `Conflict`.
    """
    phone_number, device_id = change.record.key
    if change.deleted:
        work.applied.logged_out.append((phone_number, device_id))
    held = work.directory.numbers.get(phone_number)
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
    return _put_records(work, held, held._replace(number=number))


def _put_records(work: Work, before: HeldNumber, after: HeldNumber) -> bool:
    has_settings = after.call_settings is not None
    number = after.number._replace(has_call_settings=has_settings)
    work.directory.numbers[number.phone_number] = after._replace(number=number)
    return work.directory.numbers[number.phone_number] != before


def _is_joining(number: Number, hunt_group_id: str, now: datetime) -> bool:
    """Whether the number still has to join this hunt group."""
    ongoing, holder = number.ongoing, number.holder
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
