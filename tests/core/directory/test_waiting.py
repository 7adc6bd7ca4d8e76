"""Records that wait: for the end of an operation, or for the number that they are of."""

import pytest
from activation_contracts.records import PhoneNumberRecord
from activation_contracts.values import NumberStatus

from tests.support.data.applying import after, applied_to, holding, verdicts
from tests.support.data.builders import (
    MAIN_PHONE_NUMBER,
    NOW,
    PHONE_NUMBER,
    RESERVED,
    activate,
    pending_number,
)
from tests.support.data.stating import (
    deleted,
    login,
    member,
    number,
    number_key,
    settings,
    stated,
)
from worker.core.directory.apply import apply_all
from worker.core.directory.change import Verdict, WaitsFor
from worker.core.directory.held import Directory, HeldNumber


def test_a_pending_number_is_locked_and_its_records_are_applied_in_order_afterwards() -> None:
    pending = pending_number(RESERVED, activate())
    changes = [
        stated(number(label="first", status="RESERVED"), 1),
        stated(login("desk"), 1),
        stated(number(label="second", assigned_to="Ada"), 2),
    ]
    waiting = applied_to(holding(pending), *changes)
    assert verdicts(waiting) == [Verdict.WAITS] * 3
    assert after(waiting) == pending

    ended = waiting.directory
    active = pending._replace(status=NumberStatus.ACTIVE, ongoing=None)
    ended.numbers[PHONE_NUMBER] = HeldNumber(active)
    applied = apply_all(ended, (), NOW)

    assert verdicts(applied) == [Verdict.APPLIED] * 3
    assert (after(applied).label, after(applied).assigned_to) == ("second", "Ada")
    assert after(applied).status is NumberStatus.ACTIVE
    assert not applied.directory.waiting.get(PHONE_NUMBER)


def test_an_older_view_of_a_pending_number_does_not_contradict_the_end_of_its_operation() -> None:
    pending = pending_number(RESERVED, activate())
    waiting = applied_to(holding(pending), stated(number(status="ACTIVE", label="desk"), 1))
    waiting.directory.numbers[PHONE_NUMBER] = HeldNumber(RESERVED)

    applied = apply_all(waiting.directory, (), NOW)
    assert verdicts(applied) == [Verdict.APPLIED]
    assert (after(applied).status, after(applied).label) == (NumberStatus.RESERVED, "desk")


def test_a_waiting_record_is_not_stored_twice() -> None:
    pending = pending_number(RESERVED, activate())
    first = applied_to(holding(pending), stated(login("desk"), 4))
    second = applied_to(first.directory, stated(login("desk"), 4), stated(login("desk"), 3))

    assert verdicts(second) == [Verdict.OUTDATED] * 2


def test_records_of_a_number_that_is_not_provisioned_yet_wait_for_it() -> None:
    waiting = applied_to(Directory(), stated(member()), stated(login()))
    assert [item.waits_for for item in waiting.directory.waiting[PHONE_NUMBER]] == [
        WaitsFor.NUMBER,
        WaitsFor.NUMBER,
    ]

    applied = applied_to(waiting.directory, stated(number()))
    assert after(applied).hunt_groups == ("reception",)
    assert [item.device_id for item in after(applied).logins] == ["desk"]


def test_call_settings_wait_until_their_number_is_a_main_number() -> None:
    plain = RESERVED._replace(phone_number=MAIN_PHONE_NUMBER)
    waiting = applied_to(holding(plain), stated(settings()))
    assert verdicts(waiting) == [Verdict.WAITS]

    applied = applied_to(waiting.directory, stated(number(MAIN_PHONE_NUMBER, main_number=True)))
    assert applied.directory.numbers[MAIN_PHONE_NUMBER].call_settings == settings()
    assert after(applied, MAIN_PHONE_NUMBER).has_call_settings


@pytest.mark.parametrize("taken", [number(MAIN_PHONE_NUMBER, account_id=None), None])
def test_call_settings_that_wait_end_with_the_account_of_their_number(
    taken: PhoneNumberRecord | None,
) -> None:
    plain = RESERVED._replace(phone_number=MAIN_PHONE_NUMBER)
    waiting = applied_to(holding(plain), stated(settings(), 1))
    end = deleted(number_key(MAIN_PHONE_NUMBER)) if taken is None else stated(taken, 2)
    theirs = number(MAIN_PHONE_NUMBER, account_id="other", main_number=True)
    applied = applied_to(waiting.directory, end, stated(theirs, 3), stated(settings(), 1))

    assert applied.directory.numbers[MAIN_PHONE_NUMBER].call_settings is None
    assert not applied.directory.waiting.get(MAIN_PHONE_NUMBER)
    assert verdicts(applied).count(Verdict.OUTDATED) == 2


def test_records_that_wait_for_a_number_end_with_its_deletion() -> None:
    waiting = applied_to(Directory(), stated(member()))
    applied = applied_to(waiting.directory, deleted(number_key(), 2), stated(number(), 3))

    assert after(applied).hunt_groups == ()
    assert verdicts(applied)[0] is Verdict.OUTDATED


def test_an_import_that_is_repeated_waits_once() -> None:
    pending = pending_number(RESERVED, activate())
    said = number(label="desk", status="RESERVED")
    first = applied_to(holding(pending), stated(said, None))
    second = applied_to(first.directory, stated(said, None))
    other = applied_to(second.directory, stated(number(label="other"), None))

    assert [verdicts(first), verdicts(second)] == [[Verdict.WAITS], [Verdict.UNCHANGED]]
    assert verdicts(other) == [Verdict.WAITS]
    assert len(other.directory.waiting[PHONE_NUMBER]) == 2


def test_a_record_that_waits_on_for_another_reason_says_so() -> None:
    pending = pending_number(RESERVED._replace(phone_number=MAIN_PHONE_NUMBER), activate())
    waiting = applied_to(holding(pending), stated(settings()))
    ended = waiting.directory
    ended.numbers[MAIN_PHONE_NUMBER] = HeldNumber(pending._replace(status=NumberStatus.ACTIVE))
    applied = apply_all(ended, (), NOW)

    (item,) = applied.directory.waiting[MAIN_PHONE_NUMBER]
    assert item.waits_for is WaitsFor.MAIN_NUMBER
    assert verdicts(applied) == [Verdict.WAITS]
