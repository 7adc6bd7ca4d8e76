"""Batches: each decision is based on the state that the ones before it left."""

from copy import deepcopy

import pytest
from activation_contracts.messages import Command, HuntGroupMembership
from activation_contracts.values import NumberStatus

from tests.support.data.builders import (
    ACME_LONDON,
    ACTIVE,
    ANSWER,
    AWAITING_ALL,
    LATER,
    MAIN_PHONE_NUMBER,
    NOW,
    POLICY,
    RESERVED,
    RINGING_MAIN_NUMBER,
    SOURCE,
    activate,
    deactivate,
    entitlement_of,
    pending_number,
    rejection_data,
    status_data,
)
from worker.core.batch import CommandKey, Snapshot, advance_all, decide_all
from worker.core.decision import Decision, Outcome
from worker.core.situation import Holder, MainNumber, Number, Usage

FIRST, SECOND, THIRD = (
    RESERVED._replace(phone_number=f"+44207946000{place}") for place in (1, 2, 3)
)


def snapshot_of(
    *numbers: Number, limit: int = 9, main_number: MainNumber | None = None
) -> Snapshot:
    """A snapshot of these numbers of acme at london, with their usage."""
    statuses = [number.status for number in numbers]
    usage = Usage(limit, statuses.count(NumberStatus.ACTIVE), statuses.count(NumberStatus.PENDING))
    return Snapshot(
        numbers={number.phone_number: number for number in numbers},
        usages={ACME_LONDON: usage},
        main_numbers={ACME_LONDON: main_number} if main_number else {},
    )


def decide_batch(before: Snapshot, *commands: Command) -> list[Decision]:
    return decide_all(before, commands, NOW, POLICY)


def labels(decisions: list[Decision]) -> list[str]:
    """For each decision the refusal, or else the outcome."""
    return [decision.refusal or decision.outcome for decision in decisions]


def test_an_empty_batch_has_no_decisions() -> None:
    assert decide_batch(Snapshot()) == []
    assert advance_all(Snapshot(), [], NOW, POLICY) == []


def test_a_repeated_command_in_a_batch_gets_the_first_answer() -> None:
    first, again = decide_batch(snapshot_of(FIRST), activate(), activate())

    assert labels([first, again]) == ["pending", "duplicate"]
    assert again == Decision(Outcome.DUPLICATE, first_answer=first.messages[0])


def test_an_id_reused_in_a_batch_is_refused_once_for_each_content() -> None:
    reused = activate(SECOND.phone_number)
    decisions = decide_batch(snapshot_of(FIRST, SECOND), activate(), reused, reused, activate())

    assert labels(decisions) == ["pending", "COMMAND_ID_REUSED", "duplicate", "duplicate"]
    assert rejection_data(decisions[1]).phone_number == SECOND.phone_number
    assert decisions[2].first_answer == decisions[1].messages[0]
    assert decisions[3].first_answer == decisions[0].messages[0]


def test_a_repeated_refused_command_in_a_batch_gets_the_first_rejection() -> None:
    first, again = decide_batch(snapshot_of(), activate(), activate())

    assert labels([first, again]) == ["NUMBER_UNKNOWN", "duplicate"]
    assert again.first_answer == first.messages[0]


def test_the_same_id_from_another_source_is_a_different_command() -> None:
    other = activate(SECOND.phone_number).model_copy(update={"source": "/elsewhere"})

    assert labels(decide_batch(snapshot_of(FIRST, SECOND), activate(), other)) == ["pending"] * 2


@pytest.mark.parametrize(
    ("fingerprints", "label"),
    [
        ({activate().fingerprint}, "duplicate"),
        ({"other"}, "COMMAND_ID_REUSED"),
        ({"other", activate().fingerprint}, "duplicate"),
    ],
)
def test_the_ledger_detects_commands_of_earlier_batches(fingerprints: set[str], label: str) -> None:
    before = snapshot_of(FIRST)
    before.ledger[CommandKey(SOURCE, "command-1")] = dict.fromkeys(fingerprints, ANSWER)

    (decision,) = decide_batch(before, activate())

    assert labels([decision]) == [label]
    assert decision.first_answer == (ANSWER if label == "duplicate" else None)


def test_the_first_command_in_a_batch_gets_the_last_voice_service() -> None:
    decisions = decide_batch(
        snapshot_of(FIRST, SECOND, THIRD, limit=2),
        activate(FIRST.phone_number, "a"),
        activate(SECOND.phone_number, "b"),
        activate(THIRD.phone_number, "c"),
    )

    assert labels(decisions) == ["pending", "pending", "ENTITLEMENT_EXHAUSTED"]
    assert [entitlement_of(decision).pending for decision in decisions[:2]] == [1, 2]
    entitlement = rejection_data(decisions[2]).entitlement
    assert entitlement is not None
    assert (entitlement.limit, entitlement.active, entitlement.pending) == (2, 0, 2)


def test_a_deactivation_that_begins_in_a_batch_frees_no_voice_service() -> None:
    active = FIRST._replace(status=NumberStatus.ACTIVE)
    decisions = decide_batch(
        snapshot_of(active, SECOND, limit=1), deactivate(), activate(SECOND.phone_number)
    )

    assert labels(decisions) == ["pending", "ENTITLEMENT_EXHAUSTED"]


def test_a_second_command_in_a_batch_finds_the_number_pending() -> None:
    decisions = decide_batch(snapshot_of(FIRST), activate(), activate(command_id="b"), deactivate())

    assert labels(decisions) == ["pending", "NUMBER_NOT_RESERVED", "NUMBER_NOT_ACTIVE"]


def test_each_account_at_a_site_has_its_own_voice_services() -> None:
    paris = SECOND._replace(site_id="paris")
    in_paris = activate(SECOND.phone_number, "b")
    in_paris = in_paris.model_copy(
        update={"data": in_paris.data.model_copy(update={"site_id": "paris"})}
    )
    before = snapshot_of(FIRST, paris, limit=1)
    before.usages[Holder("acme", "paris")] = Usage(limit=1)

    assert labels(decide_batch(before, activate(), in_paris)) == ["pending", "pending"]


def test_an_account_without_usage_has_no_voice_service() -> None:
    before = snapshot_of(FIRST)
    before.usages.clear()

    assert labels(decide_batch(before, activate())) == ["ENTITLEMENT_EXHAUSTED"]


def test_each_completion_in_a_batch_counts_the_ones_before_it() -> None:
    activated = pending_number(FIRST, activate())
    deactivated = pending_number(ACTIVE._replace(phone_number=SECOND.phone_number), deactivate())
    before = snapshot_of(activated, deactivated, THIRD, limit=5)

    advanced = advance_all(before, [FIRST.phone_number, SECOND.phone_number], LATER, POLICY)
    decisions = [decision for _, decision in advanced]

    assert [status_data(decision).status for decision in decisions] == ["ACTIVE", "RESERVED"]
    counts = [entitlement_of(decision) for decision in decisions]
    assert [(count.active, count.pending) for count in counts] == [(1, 1), (1, 0)]


@pytest.mark.parametrize("main_number_first", [True, False], ids=["first", "last"])
def test_a_number_that_completes_after_its_main_number_joins_the_hunt_group(
    *, main_number_first: bool
) -> None:
    main = RESERVED._replace(phone_number=MAIN_PHONE_NUMBER, main_number=True)
    pending = RINGING_MAIN_NUMBER._replace(status=NumberStatus.PENDING)
    before = snapshot_of(
        pending_number(main, activate(MAIN_PHONE_NUMBER, "main")),
        pending_number(FIRST, activate()),
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


def test_completing_other_numbers_does_not_activate_the_main_number() -> None:
    before = snapshot_of(
        pending_number(FIRST, activate()),
        pending_number(SECOND, activate(SECOND.phone_number)),
        main_number=RINGING_MAIN_NUMBER._replace(status=NumberStatus.RESERVED),
    )

    advanced = advance_all(before, sorted(before.numbers), LATER, POLICY)

    assert [len(decision.messages) for _, decision in advanced] == [1, 1]


@pytest.mark.parametrize("other", [Holder("bolt", "london"), Holder("acme", "paris")])
def test_a_number_never_joins_the_hunt_group_of_another_account_or_site(
    other: Holder,
) -> None:
    before = snapshot_of(pending_number(FIRST, activate()))
    before.main_numbers[other] = RINGING_MAIN_NUMBER

    ((_, decision),) = advance_all(before, [FIRST.phone_number], LATER, POLICY)

    assert len(decision.messages) == 1


def test_an_operation_with_open_steps_is_not_advanced() -> None:
    before = snapshot_of(pending_number(FIRST, activate(), AWAITING_ALL))

    assert advance_all(before, [FIRST.phone_number], LATER, AWAITING_ALL) == []


def test_decisions_do_not_change_the_snapshot() -> None:
    before = snapshot_of(FIRST, pending_number(SECOND, activate()), main_number=RINGING_MAIN_NUMBER)
    copied = deepcopy(before)

    assert decide_batch(before, activate())[0].outcome is Outcome.PENDING
    assert len(advance_all(before, [SECOND.phone_number], LATER, POLICY)) == 1

    assert before == copied
