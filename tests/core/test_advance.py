"""What follows of an operation that waits for results: its end, a notice, or nothing yet."""

from datetime import timedelta

import pytest

from contracts.messages import (
    ExtensionReset,
    OperationDelayed,
    OperationFailed,
)
from contracts.values import AtDeadline, FailureCode, NumberStatus, Step
from tests.support.builders import (
    ACTIVE_IN_FULL_USE,
    AWAITING_ALL,
    NOW,
    POLICY,
    RESERVED,
    RINGING_MAIN_NUMBER,
    USAGE,
    activate,
    begun,
    deactivate,
    decided,
    followed,
    nothing_follows,
    status_said,
    step_failed,
    steps_changed,
    steps_done,
)
from worker.core.decision import Decision, Outcome
from worker.core.explanations import explained
from worker.core.operation import Failure
from worker.core.results import Resolution, resolved
from worker.core.situation import Number

ACTIVATING = begun(RESERVED, activate(), AWAITING_ALL)
DEACTIVATING = begun(ACTIVE_IN_FULL_USE, deactivate(), AWAITING_ALL)
AT_RISK = NOW + POLICY.at_risk_after
OVERDUE = NOW + POLICY.time_allowed
MOMENT = timedelta(microseconds=1)


def sent(number: Number) -> Number:
    return steps_changed(number, sent_at=NOW)


def kinds(decision: Decision) -> list[str]:
    return [type(message).__name__ for message in decision.messages]


def failure_said(decision: Decision) -> OperationFailed:
    (said,) = (item for item in decision.messages if isinstance(item, OperationFailed))
    return said


def given_up(number: Number) -> Number:
    assert number.ongoing is not None
    failure = Failure(FailureCode.GIVEN_UP, None, "Ada gave up.")
    return number._replace(ongoing=number.ongoing._replace(failure=failure))


@pytest.mark.parametrize("number", [ACTIVATING, DEACTIVATING])
def test_while_a_step_is_open_there_is_nothing_to_do_but_wait(number: Number) -> None:
    assert nothing_follows(sent(number), now=AT_RISK - MOMENT)


def test_an_activation_waits_for_the_pbx_under_the_id_of_its_pending_event() -> None:
    decision = decided(RESERVED, activate(), policy=AWAITING_ALL)

    (awaited,) = status_said(decision).awaiting or ()
    assert awaited.operation_id == decision.messages[0].id
    assert (awaited.step, awaited.waits_for) == (Step.ACTIVATION, "result")
    assert (awaited.attempt, awaited.attempts_maximum) == (1, POLICY.attempts_maximum)
    assert status_said(decision).at_deadline is AtDeadline.BACK_TO_RESERVED


def test_an_activation_is_active_when_the_pbx_has_done_it() -> None:
    decision = followed(steps_done(ACTIVATING))

    assert decision.outcome is Outcome.COMPLETED
    assert status_said(decision).status is NumberStatus.ACTIVE
    assert status_said(decision).outstanding is None


def test_a_deactivation_is_reserved_only_when_every_step_is_done() -> None:
    assert DEACTIVATING.ongoing is not None
    *_, last = steps_done(DEACTIVATING).ongoing.steps  # type: ignore[union-attr]
    first, *_ = DEACTIVATING.ongoing.steps
    almost = DEACTIVATING._replace(ongoing=DEACTIVATING.ongoing._replace(steps=(first, last)))

    assert nothing_follows(almost)
    assert status_said(followed(steps_done(DEACTIVATING))).status is NumberStatus.RESERVED


def test_a_join_follows_active_and_is_outstanding_until_it_is_done() -> None:
    decision = followed(steps_done(ACTIVATING), RINGING_MAIN_NUMBER)

    assert kinds(decision) == ["StatusChanged", "HuntGroupMembership"]
    (outstanding,) = status_said(decision).outstanding or ()
    assert outstanding.operation_id == decision.messages[1].id
    assert outstanding.attempts_maximum is None
    active = decision.number
    assert active is not None
    assert nothing_follows(active)
    settled = followed(steps_done(active))
    assert (settled.outcome, settled.messages) == (Outcome.CLEANED_UP, ())
    assert settled.number == active._replace(ongoing=None)


def test_a_join_that_fails_leaves_the_number_active_and_is_spoken_of_once() -> None:
    active = followed(steps_done(ACTIVATING), RINGING_MAIN_NUMBER).number
    assert active is not None

    late = followed(sent(active), now=OVERDUE + POLICY.time_allowed)

    assert late.outcome is Outcome.NOTIFIED
    (said,) = late.messages
    assert isinstance(said, OperationDelayed)
    assert said.data.status is NumberStatus.ACTIVE
    assert said.data.at_deadline is AtDeadline.KEEPS_TRYING
    assert late.number is not None
    assert nothing_follows(late.number, now=OVERDUE + timedelta(days=1))


@pytest.mark.parametrize("number", [sent(ACTIVATING), sent(DEACTIVATING), DEACTIVATING])
def test_a_late_operation_is_spoken_of_once(number: Number) -> None:
    decision = followed(number, now=AT_RISK)

    assert decision.outcome is Outcome.NOTIFIED
    (said,) = decision.messages
    assert isinstance(said, OperationDelayed)
    assert said.data.status is NumberStatus.PENDING
    assert len(said.data.awaiting) == len(number.ongoing.steps if number.ongoing else ())
    assert f"activation of {number.phone_number} is late" in said.data.message
    assert decision.number is not None
    assert nothing_follows(decision.number, now=OVERDUE - MOMENT)


@pytest.mark.parametrize(
    ("code", "undone"),
    [
        (FailureCode.PBX_REFUSED, False),
        (FailureCode.ATTEMPTS_EXHAUSTED, True),
    ],
)
def test_an_activation_that_fails_goes_back_to_reserved(code: FailureCode, *, undone: bool) -> None:
    decision = followed(step_failed(ACTIVATING, code))

    assert decision.outcome is Outcome.FAILED
    assert kinds(decision) == ["OperationFailed", "StatusChanged"] + ["ExtensionReset"] * undone
    said = failure_said(decision).data
    assert (said.code, said.step, said.pbx_code) == (code, Step.ACTIVATION, "BUSY")
    assert (said.status, said.needs_a_person) == (NumberStatus.RESERVED, False)
    assert said.sequence == ACTIVATING.sequence + 1
    assert said.entitlement.pending == USAGE.pending - 1
    assert decision.number is not None
    assert (decision.number.ongoing is not None) is undone


def test_an_activation_at_its_deadline_goes_back_and_undoes_what_may_have_been_done() -> None:
    decision = followed(sent(ACTIVATING), now=OVERDUE)

    assert failure_said(decision).data.code is FailureCode.DEADLINE_PASSED
    reset = decision.messages[-1]
    assert isinstance(reset, ExtensionReset)
    assert reset.data.sequence == ACTIVATING.sequence + 1
    number = decision.number
    assert number is not None
    assert followed(steps_done(number)).outcome is Outcome.CLEANED_UP


def test_without_results_an_undoing_is_not_followed() -> None:
    decision = followed(sent(ACTIVATING), now=OVERDUE, policy=POLICY)

    assert kinds(decision) == ["OperationFailed", "StatusChanged", "ExtensionReset"]
    assert decision.number is not None
    assert decision.number.ongoing is None


def test_the_clock_of_a_step_that_was_never_sent_does_not_run() -> None:
    noticed = followed(ACTIVATING, now=OVERDUE)

    assert noticed.outcome is Outcome.NOTIFIED
    assert noticed.number is not None
    assert nothing_follows(noticed.number, now=OVERDUE + timedelta(days=1))


@pytest.mark.parametrize("code", [FailureCode.PBX_REFUSED, FailureCode.ATTEMPTS_EXHAUSTED])
def test_a_deactivation_that_fails_stays_pending_and_needs_a_person(code: FailureCode) -> None:
    decision = followed(step_failed(DEACTIVATING, code))

    assert decision.outcome is Outcome.NOTIFIED
    said = failure_said(decision).data
    assert (said.status, said.needs_a_person, said.code) == (NumberStatus.PENDING, True, code)
    number = decision.number
    assert number is not None
    assert nothing_follows(number, now=OVERDUE + timedelta(days=1))
    assert status_said(followed(steps_done(number))).status is NumberStatus.RESERVED


def test_what_needs_a_person_says_so_to_people() -> None:
    number = followed(step_failed(DEACTIVATING, FailureCode.PBX_REFUSED)).number
    assert number is not None
    assert number.ongoing is not None

    assert "A person must decide" in explained(number.status, number.ongoing)


def test_an_overdue_deactivation_needs_a_person_too() -> None:
    said = failure_said(followed(sent(DEACTIVATING), now=OVERDUE)).data

    assert (said.code, said.step) == (FailureCode.DEADLINE_PASSED, Step.HUNT_GROUP_MEMBERSHIP)


def test_an_undoing_that_fails_is_loud() -> None:
    reserved = followed(sent(ACTIVATING), now=OVERDUE).number
    assert reserved is not None

    decision = followed(step_failed(reserved, FailureCode.PBX_REFUSED))

    said = failure_said(decision).data
    assert (said.status, said.step, said.needs_a_person) == (
        NumberStatus.RESERVED,
        Step.EXTENSION_RESET,
        True,
    )
    assert decision.number is not None
    assert nothing_follows(decision.number)


def test_a_deactivation_that_is_given_up_ends_reserved_and_failed() -> None:
    decision = followed(given_up(DEACTIVATING))

    assert decision.outcome is Outcome.FAILED
    assert kinds(decision)[:2] == ["OperationFailed", "StatusChanged"]
    assert failure_said(decision).data.needs_a_person is False
    assert decision.number is not None
    assert decision.number.status is NumberStatus.RESERVED
    assert decision.number.ongoing is None


def test_an_activation_that_is_given_up_goes_back() -> None:
    decision = followed(given_up(ACTIVATING))

    assert (decision.outcome, kinds(decision)[0]) == (Outcome.FAILED, "OperationFailed")


def test_a_join_that_is_given_up_leaves_the_number_active() -> None:
    active = followed(steps_done(ACTIVATING), RINGING_MAIN_NUMBER).number
    assert active is not None

    decision = followed(given_up(active))

    assert decision.outcome is Outcome.CLEANED_UP
    assert kinds(decision) == ["OperationFailed"]
    assert decision.number == active._replace(ongoing=None)


def test_all_that_is_said_of_one_operation_has_ids_of_its_own() -> None:
    late = followed(sent(DEACTIVATING), now=AT_RISK)
    assert late.number is not None
    needing = followed(late.number, now=OVERDUE)
    assert needing.number is not None
    assert needing.number.ongoing is not None
    again = resolved(
        needing.number.ongoing, Resolution.RETRY, OVERDUE, AWAITING_ALL, reason="once more"
    )
    number = sent(needing.number._replace(ongoing=again))
    late_again = followed(number, now=OVERDUE + POLICY.at_risk_after)
    assert late_again.number is not None
    needing_again = followed(late_again.number, now=OVERDUE + POLICY.time_allowed)

    decisions = (late, needing, late_again, needing_again)
    ids = [message.id for decision in decisions for message in decision.messages]
    assert len(ids) == len({*ids}) == len(decisions)
