"""Batches: each decision stands on what the ones before it left."""

from copy import deepcopy

import pytest

from contracts.messages import Command, HuntGroupMembership
from contracts.values import NumberStatus
from tests.support.builders import (
    ACME_LONDON,
    ACTIVE,
    AWAITING_ALL,
    LATER,
    MAIN_PHONE_NUMBER,
    NOW,
    POLICY,
    RESERVED,
    RINGING_MAIN_NUMBER,
    SOURCE,
    activate,
    begun,
    deactivate,
    refusal_said,
    status_said,
)
from worker.core.batch import CommandKey, Snapshot, advance_all, decide_all
from worker.core.decision import Decision, Outcome
from worker.core.situation import AccountAtSite, MainNumber, Number, Usage

FIRST, SECOND, THIRD = (
    RESERVED._replace(phone_number=f"+44207946000{place}") for place in (1, 2, 3)
)


def known(*numbers: Number, limit: int = 9, main_number: MainNumber | None = None) -> Snapshot:
    """These numbers of acme at london, its usage counted."""
    statuses = [number.status for number in numbers]
    usage = Usage(limit, statuses.count(NumberStatus.ACTIVE), statuses.count(NumberStatus.PENDING))
    return Snapshot(
        numbers={number.phone_number: number for number in numbers},
        usages={ACME_LONDON: usage},
        main_numbers={ACME_LONDON: main_number} if main_number else {},
    )


def decide_batch(before: Snapshot, *commands: Command) -> list[Decision]:
    return decide_all(before, commands, NOW, POLICY)


def words(decisions: list[Decision]) -> list[str]:
    """For each decision the refusal, or else the outcome."""
    return [decision.refusal or decision.outcome for decision in decisions]


def test_an_empty_batch_decides_nothing() -> None:
    assert decide_batch(Snapshot()) == []
    assert advance_all(Snapshot(), [], NOW, POLICY) == []


def test_a_duplicate_in_the_same_batch_is_passed_over() -> None:
    decisions = decide_batch(known(FIRST), activate(), activate())

    assert words(decisions) == ["pending", "duplicate"]


def test_an_id_reused_in_the_same_batch_is_refused_once_for_each_content() -> None:
    reused = activate(SECOND.phone_number)
    decisions = decide_batch(known(FIRST, SECOND), activate(), reused, reused, activate())

    assert words(decisions) == ["pending", "COMMAND_ID_REUSED", "duplicate", "duplicate"]
    assert refusal_said(decisions[1]).phone_number == SECOND.phone_number


def test_a_refused_command_that_comes_again_in_the_batch_is_a_duplicate() -> None:
    decisions = decide_batch(known(), activate(), activate())

    assert words(decisions) == ["NUMBER_UNKNOWN", "duplicate"]


def test_the_same_id_from_another_source_is_another_command() -> None:
    other = activate(SECOND.phone_number).model_copy(update={"source": "/elsewhere"})

    assert words(decide_batch(known(FIRST, SECOND), activate(), other)) == ["pending"] * 2


@pytest.mark.parametrize(
    ("fingerprints", "word"),
    [
        ({activate().fingerprint}, "duplicate"),
        ({"other"}, "COMMAND_ID_REUSED"),
        ({"other", activate().fingerprint}, "duplicate"),
    ],
)
def test_the_ledger_knows_what_came_before_the_batch(fingerprints: set[str], word: str) -> None:
    before = known(FIRST)
    before.ledger[CommandKey(SOURCE, "command-1")] = frozenset(fingerprints)

    assert words(decide_batch(before, activate())) == [word]


def test_the_last_service_goes_to_the_first_command_in_the_batch() -> None:
    decisions = decide_batch(
        known(FIRST, SECOND, THIRD, limit=2),
        activate(FIRST.phone_number, "a"),
        activate(SECOND.phone_number, "b"),
        activate(THIRD.phone_number, "c"),
    )

    assert words(decisions) == ["pending", "pending", "ENTITLEMENT_EXHAUSTED"]
    assert [status_said(decision).entitlement.pending for decision in decisions[:2]] == [1, 2]
    said = refusal_said(decisions[2]).entitlement
    assert said is not None
    assert (said.limit, said.active, said.pending) == (2, 0, 2)


def test_a_deactivation_in_the_batch_frees_no_service_yet() -> None:
    active = FIRST._replace(status=NumberStatus.ACTIVE)
    decisions = decide_batch(
        known(active, SECOND, limit=1), deactivate(), activate(SECOND.phone_number)
    )

    assert words(decisions) == ["pending", "ENTITLEMENT_EXHAUSTED"]


def test_a_second_command_on_a_number_meets_it_pending() -> None:
    decisions = decide_batch(known(FIRST), activate(), activate(command_id="b"), deactivate())

    assert words(decisions) == ["pending", "NUMBER_NOT_RESERVED", "NUMBER_NOT_ACTIVE"]


def test_accounts_and_sites_do_not_take_each_others_services() -> None:
    paris = SECOND._replace(site_id="paris")
    in_paris = activate(SECOND.phone_number, "b")
    in_paris = in_paris.model_copy(
        update={"data": in_paris.data.model_copy(update={"site_id": "paris"})}
    )
    before = known(FIRST, paris, limit=1)
    before.usages[AccountAtSite("acme", "paris")] = Usage(limit=1)

    assert words(decide_batch(before, activate(), in_paris)) == ["pending", "pending"]


def test_an_account_that_never_bought_anything_has_no_service() -> None:
    before = known(FIRST)
    before.usages.clear()

    assert words(decide_batch(before, activate())) == ["ENTITLEMENT_EXHAUSTED"]


def test_completions_count_on_from_each_other() -> None:
    activated = begun(FIRST, activate())
    deactivated = begun(ACTIVE._replace(phone_number=SECOND.phone_number), deactivate())
    before = known(activated, deactivated, THIRD, limit=5)

    concluded = advance_all(before, [FIRST.phone_number, SECOND.phone_number], LATER, POLICY)
    decisions = [decision for _, decision in concluded]

    assert [status_said(decision).status for decision in decisions] == ["ACTIVE", "RESERVED"]
    counts = [status_said(decision).entitlement for decision in decisions]
    assert [(count.active, count.pending) for count in counts] == [(1, 1), (1, 0)]


@pytest.mark.parametrize("main_number_first", [True, False], ids=["first", "last"])
def test_who_becomes_active_after_the_main_number_joins_its_group(
    *, main_number_first: bool
) -> None:
    main = RESERVED._replace(phone_number=MAIN_PHONE_NUMBER, main_number=True)
    pending = RINGING_MAIN_NUMBER._replace(status=NumberStatus.PENDING)
    before = known(
        begun(main, activate(MAIN_PHONE_NUMBER, "main")),
        begun(FIRST, activate()),
        main_number=pending,
    )
    order = sorted(before.numbers, reverse=not main_number_first)

    messages = [
        message
        for _, decision in advance_all(before, order, LATER, POLICY)
        for message in decision.messages
    ]

    joins = [message for message in messages if isinstance(message, HuntGroupMembership)]
    assert [join.subject for join in joins] == [FIRST.phone_number] * main_number_first


def test_other_numbers_that_become_active_do_not_make_the_main_number_so() -> None:
    before = known(
        begun(FIRST, activate()),
        begun(SECOND, activate(SECOND.phone_number)),
        main_number=RINGING_MAIN_NUMBER._replace(status=NumberStatus.RESERVED),
    )

    concluded = advance_all(before, sorted(before.numbers), LATER, POLICY)

    assert [len(decision.messages) for _, decision in concluded] == [1, 1]


@pytest.mark.parametrize("other", [AccountAtSite("bolt", "london"), AccountAtSite("acme", "paris")])
def test_nobody_joins_the_group_of_another_account_or_site(other: AccountAtSite) -> None:
    before = known(begun(FIRST, activate()))
    before.main_numbers[other] = RINGING_MAIN_NUMBER

    ((_, decision),) = advance_all(before, [FIRST.phone_number], LATER, POLICY)

    assert len(decision.messages) == 1


def test_of_an_operation_that_still_waits_nothing_follows() -> None:
    before = known(begun(FIRST, activate(), AWAITING_ALL))

    assert advance_all(before, [FIRST.phone_number], LATER, AWAITING_ALL) == []


def test_what_was_loaded_stays_as_it_was() -> None:
    before = known(FIRST, begun(SECOND, activate()), main_number=RINGING_MAIN_NUMBER)
    copied = deepcopy(before)

    assert decide_batch(before, activate())[0].outcome is Outcome.PENDING
    assert len(advance_all(before, [SECOND.phone_number], LATER, POLICY)) == 1

    assert before == copied
