"""A change of a record is applied or ignored, and its effects are published."""

import pytest
from activation_contracts.messages import OperationAftermath, StatusChanged
from activation_contracts.values import AftermathKind, NumberStatus

from tests.support.data.applying import after, applied_to, holding, verdicts
from tests.support.data.builders import (
    ACME_LONDON,
    ACTIVE_IN_FULL_USE,
    AWAITING_ALL,
    PHONE_NUMBER,
    RESERVED,
    RINGING_MAIN_NUMBER,
    activate,
    advance_number,
    pending_number,
    with_steps_done,
)
from tests.support.data.stating import (
    deleted,
    login_key,
    member,
    member_key,
    number,
    number_key,
    service,
    service_key,
    stated,
)
from worker.core.directory.change import Verdict
from worker.core.directory.held import Directory
from worker.core.situation import Holder, Usage


def test_a_first_provisioning_is_no_change_and_is_not_published() -> None:
    applied = applied_to(holding(), stated(number(status="ACTIVE", extension="101")))

    assert (after(applied).status, after(applied).sequence) == (NumberStatus.ACTIVE, 0)
    assert applied.messages == []
    assert applied.affected.keys() == {ACME_LONDON}


def test_a_change_of_the_status_is_published_with_the_next_sequence() -> None:
    available = RESERVED._replace(status=NumberStatus.AVAILABLE, account_id=None)
    applied = applied_to(holding(available), stated(number(), message_id="allocated"))

    (event,) = applied.messages
    assert isinstance(event, StatusChanged)
    data = event.data
    assert (data.previous_status, data.status, data.sequence) == ("AVAILABLE", "RESERVED", 8)
    assert (data.operation, data.command_id, data.account_id) == ("directory", "allocated", "acme")
    assert data.entitlement is not None
    assert after(applied).sequence == 8


def test_a_number_that_loses_its_account_names_the_account_that_it_left() -> None:
    applied = applied_to(holding(RESERVED), stated(number(account_id=None)))

    (event,) = applied.messages
    assert isinstance(event, StatusChanged)
    assert (event.data.status, event.data.account_id) == ("AVAILABLE", "acme")
    assert event.data.entitlement is None
    assert event.partitionkey == "acme/london"


def test_the_same_message_leads_to_the_same_event_id() -> None:
    first, second = (
        applied_to(holding(RESERVED), stated(number(account_id=None))).messages for _ in range(2)
    )
    assert [event.id for event in first] == [event.id for event in second]


@pytest.mark.parametrize("version", [3, 2, 0])
def test_a_version_that_is_not_newer_is_ignored(version: int) -> None:
    first = applied_to(holding(RESERVED), stated(number(label="new"), 3))
    second = applied_to(first.directory, stated(number(label="old"), version))

    assert verdicts(second) == [Verdict.OUTDATED]
    assert after(second).label == "new"


def test_a_deletion_is_remembered() -> None:
    first = applied_to(holding(RESERVED), stated(member(), 1), deleted(member_key(), 2))
    second = applied_to(first.directory, stated(member(), 1))

    assert verdicts(second) == [Verdict.OUTDATED]
    assert after(second).hunt_groups == ()


def test_an_import_has_no_version_and_keeps_the_one_that_was_applied() -> None:
    first = applied_to(holding(RESERVED), stated(number(label="message"), 5))
    second = applied_to(first.directory, stated(number(label="import"), None))
    third = applied_to(second.directory, stated(number(label="replayed"), 5))

    assert [verdicts(second), verdicts(third)] == [[Verdict.APPLIED], [Verdict.OUTDATED]]
    assert after(third).label == "import"


def test_a_record_that_says_what_is_held_changes_nothing_but_its_version() -> None:
    first = applied_to(holding(RESERVED), stated(number(extension="101"), 1))
    assert verdicts(first) == [Verdict.UNCHANGED]
    assert list(first.directory.versions.values()) == [1]


@pytest.mark.parametrize(
    "record",
    [
        number(account_id="other"),
        number(account_id=None),
        number(account_id=None, status="COOLDOWN"),
        number(status="COOLDOWN"),
        number(site_id="paris"),
    ],
)
def test_what_ends_with_an_account_ends_when_the_number_leaves_it(record: object) -> None:
    reserved = ACTIVE_IN_FULL_USE._replace(
        status=NumberStatus.RESERVED, main_number=False, assigned_to="Ada"
    )
    applied = applied_to(holding(reserved), stated(record))  # type: ignore[arg-type]

    left = after(applied)
    assert (left.hunt_groups, left.logins, left.features) == ((), (), ())
    assert (left.label, left.assigned_to) == (None, None)


def test_a_reserved_number_that_changes_accounts_publishes_no_change_of_its_status() -> None:
    applied = applied_to(holding(RESERVED), stated(number(account_id="other")))

    moved = after(applied)
    assert (moved.status, moved.account_id) == (NumberStatus.RESERVED, "other")
    assert (moved.sequence, applied.messages) == (RESERVED.sequence, [])


def test_an_account_that_changes_by_way_of_none_publishes_both_changes() -> None:
    applied = applied_to(
        holding(RESERVED),
        stated(number(account_id=None), 1, "taken"),
        stated(number(account_id="other"), 2, "given"),
    )

    assert [
        (event.data.status, event.data.account_id, event.data.sequence)
        for event in applied.messages
        if isinstance(event, StatusChanged)
    ] == [("AVAILABLE", "acme", 8), ("RESERVED", "other", 9)]


def test_a_resting_number_may_name_an_account() -> None:
    resting = number(status="COOLDOWN")
    applied = applied_to(holding(RESERVED), stated(resting, 1), stated(number(), 2))
    first = applied_to(holding(), stated(resting))

    assert (after(first).status, after(first).account_id) == (NumberStatus.COOLDOWN, "acme")
    assert verdicts(applied) == [Verdict.APPLIED, Verdict.UNCHANGED]
    assert (after(applied).status, after(applied).account_id) == (NumberStatus.COOLDOWN, "acme")


def test_a_number_that_leaves_its_account_gets_the_last_word_on_its_aftermath() -> None:
    pending = pending_number(RESERVED, activate(), AWAITING_ALL)
    assert pending.ongoing is not None
    failing = advance_number(pending, now=pending.ongoing.deadline).number
    assert failing is not None
    assert failing.ongoing is not None
    assert failing.ongoing.aftermath is AftermathKind.COMPENSATION

    applied = applied_to(holding(failing), stated(number(account_id="other")))
    (last_word,) = applied.messages
    assert isinstance(last_word, OperationAftermath)
    assert last_word.data.state == "superseded"
    assert after(applied).ongoing is None


def test_a_member_that_is_taken_out_by_hand_does_not_join_any_more() -> None:
    pending = with_steps_done(pending_number(RESERVED, activate(), AWAITING_ALL))
    joining = advance_number(pending, RINGING_MAIN_NUMBER).number
    assert joining is not None
    assert joining.hunt_groups == ("reception",)

    other = applied_to(holding(joining), deleted(member_key("elsewhere")))
    assert after(other).ongoing == joining.ongoing

    applied = applied_to(holding(joining), deleted(member_key("reception")))
    (last_word,) = applied.messages
    assert isinstance(last_word, OperationAftermath)
    assert (last_word.data.what, last_word.data.state) == ("hunt_group_join", "superseded")
    assert (after(applied).ongoing, after(applied).hunt_groups) == (None, ())


def test_a_deleted_number_is_gone_and_its_sequence_goes_on_when_it_comes_back() -> None:
    gone = applied_to(holding(RESERVED), deleted(number_key(), 2))
    assert gone.directory.numbers == {}
    (event,) = gone.messages
    assert isinstance(event, StatusChanged)
    assert (event.data.status, event.data.sequence) == ("AVAILABLE", 8)

    back = applied_to(gone.directory, stated(number(), 3))
    (event,) = back.messages
    assert isinstance(event, StatusChanged)
    assert (event.data.previous_status, event.data.status) == ("AVAILABLE", "RESERVED")
    assert after(back).sequence == event.data.sequence == 9


def test_a_sequence_goes_on_when_a_number_comes_and_goes_in_one_batch() -> None:
    gone = applied_to(Directory(), stated(number(), 1), deleted(number_key(), 2))
    again = applied_to(gone.directory, stated(number(), 3), deleted(number_key(), 4))

    assert gone.directory.last_sequences == {PHONE_NUMBER: 1}
    assert again.directory.last_sequences == {PHONE_NUMBER: 3}


def test_voice_services_change_the_entitlement_of_the_accounts_that_they_move_between() -> None:
    directory = holding(RESERVED)
    bought = applied_to(directory, stated(service(2), 1))
    moved = applied_to(bought.directory, stated(service(2, account_id="other"), 2))
    ended = applied_to(moved.directory, deleted(service_key(), 3))

    other = Holder("other", "london")
    assert bought.directory.usages[ACME_LONDON].limit == 5
    assert moved.directory.usages[ACME_LONDON].limit == 3
    assert moved.affected.keys() == {ACME_LONDON, other}
    assert (ended.directory.usages[other].limit, ended.directory.services) == (0, {})


def test_services_that_are_taken_away_are_published_as_a_shortage_once() -> None:
    used = Directory(usages={ACME_LONDON: Usage(0, active=2)})
    bought = applied_to(used, stated(service(2), 1))
    less = applied_to(bought.directory, stated(service(1), 2), stated(service(0), 3))
    again = applied_to(less.directory, stated(service(1), 4))
    enough = applied_to(again.directory, stated(service(2), 5, "bought more"))

    assert bought.messages == []
    (exceeded,) = less.shortages
    assert exceeded.type == "telephony.account.entitlement_exceeded.v1"
    assert again.messages == []
    (restored,) = enough.shortages
    assert restored.type == "telephony.account.entitlement_restored.v1"
    assert (restored.causationid, restored.subject) == ("bought more", "acme/london")


def test_a_deleted_login_is_reported_also_where_it_was_ended_before() -> None:
    applied = applied_to(holding(RESERVED), deleted(login_key("fax")))
    assert applied.logged_out == [(PHONE_NUMBER, "fax")]
    assert verdicts(applied) == [Verdict.UNCHANGED]
