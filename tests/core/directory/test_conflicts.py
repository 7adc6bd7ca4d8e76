"""A record that contradicts what is held is published as a conflict, and not applied."""

from activation_contracts.messages import DirectoryConflict
from activation_contracts.messages.directory import ConflictCode

from tests.support.data.applying import after, applied_to, holding, verdicts
from tests.support.data.builders import (
    ACME_LONDON,
    ACTIVE,
    ACTIVE_IN_FULL_USE,
    FAX,
    MAIN_PHONE_NUMBER,
    PHONE_NUMBER,
    RESERVED,
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
from worker.core.directory.change import Verdict


def test_an_active_number_cannot_be_taken_away_and_the_conflict_is_published() -> None:
    change = stated(number(account_id="other", label="theirs"), 4, "moved")
    applied = applied_to(holding(ACTIVE_IN_FULL_USE), change)

    assert after(applied) == ACTIVE_IN_FULL_USE
    (conflict,) = applied.messages
    assert isinstance(conflict, DirectoryConflict)
    data = conflict.data
    assert (data.code, data.command_id, data.version) == (ConflictCode.NUMBER_IN_USE, "moved", 4)
    assert (data.status, data.account_id) == ("ACTIVE", "acme")
    assert data.said["account_id"] == "other"
    assert applied.directory.versions == {}, "it is applied if it comes again after a deactivation"


def test_a_second_main_number_is_a_conflict_and_a_successor_is_none() -> None:
    main = RESERVED._replace(phone_number=MAIN_PHONE_NUMBER, main_number=True)
    directory = holding(main, RESERVED)
    directory.main_numbers[ACME_LONDON] = MAIN_PHONE_NUMBER

    second = applied_to(directory, stated(number(main_number=True)))
    assert verdicts(second) == [Verdict.CONFLICT]
    successor = applied_to(
        directory, stated(number(MAIN_PHONE_NUMBER)), stated(number(main_number=True))
    )
    assert verdicts(successor) == [Verdict.APPLIED] * 2
    assert successor.directory.main_numbers == {ACME_LONDON: PHONE_NUMBER}


def test_a_new_number_that_is_a_second_main_number_is_a_conflict_without_a_status() -> None:
    directory = holding(RESERVED._replace(phone_number=MAIN_PHONE_NUMBER, main_number=True))
    directory.main_numbers[ACME_LONDON] = MAIN_PHONE_NUMBER

    applied = applied_to(directory, stated(number(main_number=True)))
    (conflict,) = applied.messages
    assert isinstance(conflict, DirectoryConflict)
    assert (conflict.data.status, conflict.data.site_id) == (None, ACME_LONDON.site_id)
    assert PHONE_NUMBER not in applied.directory.numbers


def test_a_main_number_is_never_logged_in_nor_a_member_of_its_own_group() -> None:
    main = RESERVED._replace(main_number=True)
    directory = holding(main)
    logged_in = applied_to(directory, stated(login()))
    own_group = applied_to(directory, stated(settings(PHONE_NUMBER)), stated(member("reception")))
    becomes_main = applied_to(
        holding(RESERVED._replace(logins=(FAX,))), stated(number(main_number=True))
    )

    assert verdicts(logged_in) == [Verdict.CONFLICT]
    assert verdicts(own_group) == [Verdict.APPLIED, Verdict.CONFLICT]
    assert verdicts(becomes_main) == [Verdict.CONFLICT]


def test_an_active_number_is_not_deleted() -> None:
    applied = applied_to(holding(ACTIVE), deleted(number_key()))
    assert verdicts(applied) == [Verdict.CONFLICT]
    assert after(applied) == ACTIVE
