"""The transition table, and the values that change with the status."""

import pytest
from activation_contracts.values import NumberStatus

from tests.support.data.builders import (
    ACTIVE,
    ACTIVE_IN_FULL_USE,
    RESERVED,
    activate,
    pending_number,
)
from worker.core.operations.transitions import TRANSITIONS, Transition, apply
from worker.core.situation import Usage


def test_the_table_holds_exactly_the_five_transitions_of_the_domain() -> None:
    assert {transition.value: " to ".join(ends) for transition, ends in TRANSITIONS.items()} == {
        "begin activation": "RESERVED to PENDING",
        "complete activation": "PENDING to ACTIVE",
        "fail activation": "PENDING to RESERVED",
        "begin deactivation": "ACTIVE to PENDING",
        "complete deactivation": "PENDING to RESERVED",
    }


@pytest.mark.parametrize("transition", list(Transition))
def test_a_transition_changes_the_status_and_increments_the_sequence(
    transition: Transition,
) -> None:
    before, after = TRANSITIONS[transition]

    number = apply(RESERVED._replace(status=before, sequence=41), transition)

    assert number.status is after
    assert number.sequence == 42


@pytest.mark.parametrize(
    ("transition", "status"),
    [
        (transition, status)
        for transition in Transition
        for status in NumberStatus
        if status is not TRANSITIONS[transition][0]
    ],
)
def test_a_transition_from_another_status_raises_an_error(
    transition: Transition, status: NumberStatus
) -> None:
    with pytest.raises(ValueError, match=f"is {status}, cannot {transition.value}"):
        apply(RESERVED._replace(status=status), transition)


def test_begin_deactivation_keeps_the_settings() -> None:
    operation = pending_number(RESERVED, activate()).ongoing

    number = apply(ACTIVE_IN_FULL_USE, Transition.BEGIN_DEACTIVATION, operation)

    assert number == ACTIVE_IN_FULL_USE._replace(
        status=NumberStatus.PENDING, sequence=8, ongoing=operation
    )


def test_a_completed_deactivation_leaves_the_number_blank_and_allocated() -> None:
    pending = ACTIVE_IN_FULL_USE._replace(status=NumberStatus.PENDING)

    assert apply(pending, Transition.COMPLETE_DEACTIVATION) == RESERVED._replace(sequence=8)


def test_settings_are_the_features_and_the_label() -> None:
    assert ACTIVE_IN_FULL_USE.settings == ("call_waiting", "label", "voicemail")
    assert ACTIVE_IN_FULL_USE._replace(label=None).settings == ("call_waiting", "voicemail")
    assert ACTIVE._replace(label="").settings == ("label",)


def test_a_deactivation_clears_the_call_settings_of_a_main_number() -> None:
    pending = ACTIVE._replace(status=NumberStatus.PENDING, has_call_settings=True)

    assert pending.settings == ("call_settings",)
    assert apply(pending, Transition.COMPLETE_DEACTIVATION).settings == ()
    assert ACTIVE.settings == ()


def test_joining_a_hunt_group_twice_gives_one_membership() -> None:
    assert ACTIVE.with_hunt_group("b").with_hunt_group("a").with_hunt_group("b").hunt_groups == (
        "a",
        "b",
    )


@pytest.mark.parametrize("before", list(NumberStatus))
@pytest.mark.parametrize("after", list(NumberStatus))
def test_only_active_and_pending_numbers_consume_voice_services(
    before: NumberStatus, after: NumberStatus
) -> None:
    usage = Usage(limit=9, active=4, pending=4).after(before, after)

    using = {NumberStatus.ACTIVE, NumberStatus.PENDING}
    assert usage.headroom == 1 - (after in using) + (before in using)
    assert usage.active - 4 == (after == "ACTIVE") - (before == "ACTIVE")


def test_headroom_is_negative_in_a_shortage() -> None:
    assert Usage(limit=2, active=3, pending=1).headroom == -2
