"""The life of a number: what leads where, and nothing else."""

import pytest

from contracts.values import NumberStatus
from tests.support.builders import ACTIVE, ACTIVE_IN_FULL_USE, RESERVED, activate, begun
from worker.core.situation import Usage
from worker.core.transitions import TRANSITIONS, Transition, apply


def test_the_table_holds_the_five_moves_of_the_domain_and_no_other() -> None:
    assert {move.value: " to ".join(ends) for move, ends in TRANSITIONS.items()} == {
        "begin activation": "RESERVED to PENDING",
        "complete activation": "PENDING to ACTIVE",
        "fail activation": "PENDING to RESERVED",
        "begin deactivation": "ACTIVE to PENDING",
        "complete deactivation": "PENDING to RESERVED",
    }


@pytest.mark.parametrize("move", list(Transition))
def test_a_move_from_its_own_status_leads_on_and_raises_the_sequence_by_one(
    move: Transition,
) -> None:
    before, after = TRANSITIONS[move]

    number = apply(RESERVED._replace(status=before, sequence=41), move)

    assert number.status is after
    assert number.sequence == 42


@pytest.mark.parametrize(
    ("move", "status"),
    [
        (move, status)
        for move in Transition
        for status in NumberStatus
        if status is not TRANSITIONS[move][0]
    ],
)
def test_a_move_from_any_other_status_is_an_error(move: Transition, status: NumberStatus) -> None:
    with pytest.raises(ValueError, match=f"is {status}, cannot {move.value}"):
        apply(RESERVED._replace(status=status), move)


def test_a_move_that_begins_keeps_everything_but_the_status() -> None:
    operation = begun(RESERVED, activate()).ongoing

    number = apply(ACTIVE_IN_FULL_USE, Transition.BEGIN_DEACTIVATION, operation)

    assert number == ACTIVE_IN_FULL_USE._replace(
        status=NumberStatus.PENDING, sequence=8, ongoing=operation
    )


def test_a_completed_deactivation_leaves_the_number_allocated_and_blank() -> None:
    pending = ACTIVE_IN_FULL_USE._replace(status=NumberStatus.PENDING)

    assert apply(pending, Transition.COMPLETE_DEACTIVATION) == RESERVED._replace(sequence=8)


def test_the_settings_are_the_features_and_the_label_where_there_is_one() -> None:
    assert ACTIVE_IN_FULL_USE.settings == ("call_waiting", "label", "voicemail")
    assert ACTIVE_IN_FULL_USE._replace(label=None).settings == ("call_waiting", "voicemail")
    assert ACTIVE._replace(label="").settings == ("label",)


def test_the_call_settings_of_a_main_number_are_cleared_with_the_rest() -> None:
    pending = ACTIVE._replace(status=NumberStatus.PENDING, has_call_settings=True)

    assert pending.settings == ("call_settings",)
    assert apply(pending, Transition.COMPLETE_DEACTIVATION).settings == ()
    assert ACTIVE.settings == ()


def test_a_number_that_joins_a_group_twice_is_a_member_once() -> None:
    assert ACTIVE.joined("b").joined("a").joined("b").hunt_groups == ("a", "b")


@pytest.mark.parametrize("before", list(NumberStatus))
@pytest.mark.parametrize("after", list(NumberStatus))
def test_only_active_and_pending_numbers_count_as_used(
    before: NumberStatus, after: NumberStatus
) -> None:
    usage = Usage(limit=9, active=4, pending=4).after(before, after)

    using = {NumberStatus.ACTIVE, NumberStatus.PENDING}
    assert usage.free == 1 - (after in using) + (before in using)
    assert usage.active - 4 == (after == "ACTIVE") - (before == "ACTIVE")


def test_more_used_than_bought_is_a_shortage_that_is_seen() -> None:
    assert Usage(limit=2, active=3, pending=1).free == -2
